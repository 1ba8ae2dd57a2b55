package serving

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writeCertificate writes a certificate with that serial number, and its key.
func writeCertificate(t *testing.T, folder string, serial int64) (certPath, keyPath string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPath, keyPath = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	require.NoError(t, os.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certPath, keyPath
}

func TestTLS(t *testing.T) {
	folder := t.TempDir()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	certPath, keyPath := writeCertificate(t, folder, 1)
	config, err := TLS(certPath, keyPath, logger)
	require.NoError(t, err)
	serial := func() int64 {
		c, err := config.GetCertificate(nil)
		require.NoError(t, err)
		return c.Leaf.SerialNumber.Int64()
	}
	require.Equal(t, int64(1), serial())

	// The clock of the file system may be too coarse to tell two writes apart.
	change := func(seconds int) {
		later := time.Now().Add(time.Duration(seconds) * time.Second)
		require.NoError(t, os.Chtimes(certPath, later, later))
	}
	writeCertificate(t, folder, 2)
	change(1)
	require.Equal(t, int64(2), serial())
	require.Contains(t, log.String(), "a new certificate is in use")

	require.NoError(t, os.WriteFile(keyPath, []byte("broken"), 0o600))
	change(2)
	require.Equal(t, int64(2), serial(), "the old one stays")
	serial()
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("cannot be read")), "one line for each change")
	require.NoError(t, os.Remove(keyPath))
	require.Equal(t, int64(2), serial())
	writeCertificate(t, folder, 3)
	change(3)
	require.Equal(t, int64(3), serial())
}

func TestTLSErrors(t *testing.T) {
	certPath, keyPath := writeCertificate(t, t.TempDir(), 1)
	other, _ := writeCertificate(t, t.TempDir(), 2)
	for _, paths := range [][2]string{{"missing", keyPath}, {certPath, "missing"}, {keyPath, certPath}, {other, keyPath}} {
		_, err := TLS(paths[0], paths[1], slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "TLS: ")
	}
}
