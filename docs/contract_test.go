// Package docs tests that the pages and the README say what the code does.
package docs

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/contract"
)

// coefficient is a row of the table in docs/contract.md.
type coefficient struct{ name, value, bits string }

// contractTable lists every coefficient that the code uses.
func contractTable() (table []coefficient) {
	add := func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Float32:
			f := float32(v.Float())
			table = append(table, coefficient{name, hexFloat(f), fmt.Sprintf("%#08x", math.Float32bits(f))})
		case reflect.Uint32, reflect.Int32:
			n := uint32(v.Convert(reflect.TypeFor[uint32]()).Uint())
			text := strconv.FormatUint(uint64(n), 10)
			if n > 1<<16 { // a mask
				text = fmt.Sprintf("%#08x", n)
			}
			table = append(table, coefficient{name, text, fmt.Sprintf("%#08x", n)})
		default:
			panic("a coefficient of another kind: " + name)
		}
	}
	add("Flush.Tiny", reflect.ValueOf(float32(contract.Tiny)))
	add("Gate.Shut", reflect.ValueOf(float32(contract.Shut)))
	add("Square.Least", reflect.ValueOf(float32(contract.LeastSquare)))
	for _, function := range []struct {
		name  string
		table any
	}{
		{"Sigmoid", contract.Sigmoid}, {"Tanh", contract.Tanh},
		{"Softsign", contract.Softsign}, {"Exp", contract.Exp}, {"ELU", contract.ELU}, {"Softplus", contract.Softplus},
	} {
		v := reflect.ValueOf(function.table)
		for i := range v.NumField() {
			name, field := function.name+"."+v.Type().Field(i).Name, v.Field(i)
			if field.Kind() != reflect.Array {
				add(name, field)
				continue
			}
			for j := range field.Len() {
				add(fmt.Sprintf("%s%d", name, j), field.Index(j))
			}
		}
	}
	return table
}

// hexFloat writes whole numbers and quarters in decimal, others in hexadecimal.
func hexFloat(f float32) string {
	if quarters := float64(f) * 4; quarters == math.Trunc(quarters) {
		return fmt.Sprintf("%.10g", f)
	}
	return fmt.Sprintf("%x", f)
}

func TestContractPage(t *testing.T) {
	page, err := os.ReadFile("contract.md")
	require.NoError(t, err)
	var printed []coefficient
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+\\.\\w+)` \\| (\\S+) \\| (0x\\w{8}) \\|$").FindAllSubmatch(page, -1) {
		printed = append(printed, coefficient{string(m[1]), string(m[2]), string(m[3])})
	}
	require.Equal(t, contractTable(), printed)
	require.Contains(t, string(page), fmt.Sprintf("contract number **%d**", lstm.Contract))
}
