package page

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// chromium returns the path of a Chromium: LSTM_CHROMIUM, or one that is installed.
// Where there is none the test is skipped, unless LSTM_REQUIRE_CHROMIUM is set, as in CI.
func chromium(t *testing.T) string {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("LSTM_CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("LSTM_REQUIRE_CHROMIUM") != "" {
		t.Fatalf("LSTM_REQUIRE_CHROMIUM is set, and there is none of %q", names)
	}
	t.Skipf("the page is not tested in a browser: there is none of %q, which Debian has as chromium", names)
	return ""
}

// A browser is a tab of Chromium, and what was wrong in it.
type browser struct {
	context.Context
	mutex    sync.Mutex
	requests int
	problems []string
}

// openBrowser starts Chromium. Only requests to the host of the page are right.
func openBrowser(t *testing.T, page string) *browser {
	host, err := url.Parse(page)
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	limited, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{Context: tab}
	wrong := func(format string, args ...any) {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.problems = append(b.problems, fmt.Sprintf(format, args...))
	}
	require.NoError(t, chromedp.Listen(tab, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			wrong("exception: %v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			wrong("console: %s", e.Type)
		case *log.EventEntryAdded:
			wrong("log: %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		case *network.EventRequestWillBeSent:
			b.mutex.Lock()
			b.requests++
			b.mutex.Unlock()
			if u, err := url.Parse(e.Request.URL); err != nil || u.Host != host.Host {
				wrong("a request to %s", e.Request.URL)
			}
		}
	}))
	b.do(t,
		command(network.Enable, network.EnableParams{}),
		command(runtime.Enable, cdp.Empty{}),
		command(log.Enable, cdp.Empty{}),
	)
	return b
}

func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(b, actions...))
}

// await waits until a condition in JavaScript holds, which is looked at in each frame.
func (b *browser) await(t *testing.T, condition string) {
	t.Helper()
	limited, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	_, err := chromedp.Run(limited, chromedp.Evaluate[bool](`new Promise((done) => {
		const look = () => (`+condition+`) ? done(true) : requestAnimationFrame(look);
		look();
	})`, chromedp.EvalAwaitPromise))
	b.mutex.Lock()
	defer b.mutex.Unlock()
	require.NoError(t, err, "%s: %q", condition, b.problems)
}

// screenshot takes a picture of the whole page, and keeps it with -artifacts.
func (b *browser) screenshot(t *testing.T, name string) image.Image {
	t.Helper()
	data, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), data, 0o644))
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return picture
}

// finish fails the test if something was wrong.
func (b *browser) finish(t *testing.T) {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	require.Empty(t, b.problems)
	require.GreaterOrEqual(t, b.requests, 7, "each file, and the events")
}

func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

func TestInBrowser(t *testing.T) {
	chromium(t) // before anything else starts
	s := newServer(t)
	p, err := New(s, Options{Weather: "seattle"})
	require.NoError(t, err)
	address := start(t, p)
	load(t, s)
	b := openBrowser(t, address)
	b.do(t, chromedp.EmulateViewport(1240, 900), prefer("light"), chromedp.Navigate(address))

	// The charts get points, and the weather goes on.
	const points = `((id) => (document.querySelector("#" + id + "-chart path.line")?.getAttribute("d").match(/[ML]/g) ?? []).length)`
	for _, id := range []string{"steps", "latency", "sequences"} {
		b.await(t, points+`("`+id+`") >= 3`)
	}
	b.await(t, `document.querySelectorAll("#sizes-chart rect.bar").length > 0`)
	b.await(t, points+`("weather") >= 60`)
	before, err := chromedp.Run(b, chromedp.Text("#weather-date"))
	require.NoError(t, err)
	b.await(t, `document.getElementById("weather-date").textContent !== "`+before+`"`)

	// A person who sees no charts can read what they show.
	b.await(t, `[...document.querySelectorAll("svg")].every((e) => e.getAttribute("role") === "img" && e.getAttribute("aria-label").length > 20)`)
	b.await(t, `document.getElementById("status").textContent === "live"`)
	b.await(t, `[...document.querySelectorAll("#models th")].map((e) => e.textContent).join() === "anomalies,seattle,tagger"`)
	b.await(t, `document.getElementById("weather-error").textContent.endsWith("\u00a0°C")`)

	light := b.screenshot(t, "light")
	b.do(t, prefer("dark"))
	dark := b.screenshot(t, "dark")
	require.Greater(t, brightness(light), 0x8000)
	require.Less(t, brightness(dark), 0x8000)

	b.do(t, prefer("light"), chromedp.EmulateViewport(390, 844))
	b.await(t, `document.getElementById("steps-chart").viewBox.baseVal.width < 390`)
	b.await(t, `document.documentElement.scrollWidth <= innerWidth`)
	b.screenshot(t, "narrow")

	b.finish(t)
}

func TestInBrowserWithoutWeather(t *testing.T) {
	chromium(t)
	p, err := New(newServer(t), Options{})
	require.NoError(t, err)
	address := start(t, p)
	b := openBrowser(t, address)
	b.do(t, chromedp.Navigate(address))
	b.await(t, `document.querySelectorAll("#models th").length === 3`)
	b.await(t, `document.getElementById("weather").offsetHeight === 0 && document.getElementById("steps-chart").clientHeight > 0`)
	b.await(t, `document.getElementById("latency-note").textContent === "no requests"`)

	// The server is gone, which the browser writes to the console, too.
	b.finish(t)
	p.Close()
	b.await(t, `document.getElementById("status").textContent === "no connection, trying again"`)
}

// load has up to 40 of 300 sequences step at the same time, until the test ends.
func load(t *testing.T, s *infer.Server) {
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	group.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		started := map[int]bool{}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-t.Context().Done():
				return
			case <-ticker.C:
				for range 1 + random.IntN(40) {
					id := random.IntN(300)
					ask(t.Context(), s, strconv.Itoa(id+1), !started[id], func(error) {})
					started[id] = true
				}
			}
		}
	})
}

// brightness is that of the corner, 0 to 65535.
func brightness(i image.Image) int {
	r, g, b, _ := i.At(2, 2).RGBA()
	return int(r+g+b) / 3
}
