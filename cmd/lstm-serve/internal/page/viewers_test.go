package page

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// inBubble runs f with a page on a clock that jumps on when all goroutines wait.
func inBubble(t *testing.T, change func(*Options), f func(t *testing.T, server *fakeServer, p *Page)) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer(t)
		o := Options{Weather: "seattle"}
		if change != nil {
			change(&o)
		}
		p, err := newPage(server, o)
		require.NoError(t, err)
		defer p.Close()
		synctest.Wait()
		f(t, server, p)
	})
}

// read returns the events that a viewer has got.
func read(one *viewer) (events []string, open bool) {
	for {
		select {
		case m, more := <-one.messages:
			if !more {
				return events, false
			}
			events = append(events, strings.TrimPrefix(strings.SplitN(string(m), "\n", 2)[0], "event: "))
		default:
			return events, true
		}
	}
}

func TestNothingStepsWhileNobodyWatches(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, server *fakeServer, p *Page) {
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, server.asked())

		one, err := p.viewers.join()
		require.NoError(t, err)
		two, err := p.viewers.join()
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, server.asked(), 1)
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		require.Len(t, server.asked(), 13, "four days a second, however many watch")
		events, _ := read(one)
		others, _ := read(two)
		require.Equal(t, events, others)
		require.Equal(t, []string{"begin", "models"}, events[:2])
		require.Subset(t, events, []string{"weather", "sample"})

		p.viewers.leave(one)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, server.asked(), 17, "one still does")
		p.viewers.leave(two)
		time.Sleep(time.Hour)
		synctest.Wait()
		asked := server.asked()
		require.LessOrEqual(t, len(asked), 18)

		_, err = p.viewers.join()
		require.NoError(t, err)
		synctest.Wait()
		next := server.asked()[len(asked)]
		require.Equal(t, asked[len(asked)-1].Sequence.Step+1, next.Sequence.Step, "it goes on where it was")
	})
}

func TestViewersAreBounded(t *testing.T) {
	inBubble(t, func(o *Options) { o.MostViewers = 2 }, func(t *testing.T, _ *fakeServer, p *Page) {
		one, err := p.viewers.join()
		require.NoError(t, err)
		_, err = p.viewers.join()
		require.NoError(t, err)
		_, err = p.viewers.join()
		require.ErrorIs(t, err, errTooMany)
		p.viewers.leave(one)
		_, err = p.viewers.join()
		require.NoError(t, err)
	})
}

func TestSlowViewersAreCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, _ *fakeServer, p *Page) {
		slow, err := p.viewers.join()
		require.NoError(t, err)
		quick, err := p.viewers.join()
		require.NoError(t, err)
		for range 20 {
			time.Sleep(time.Second)
			synctest.Wait()
			_, open := read(quick)
			require.True(t, open)
		}
		events, open := read(slow)
		require.False(t, open)
		require.Len(t, events, backlog)
	})
}

func TestCloseEndsStreams(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, _ *fakeServer, p *Page) {
		one, err := p.viewers.join()
		require.NoError(t, err)
		p.Close()
		_, open := read(one)
		require.False(t, open)
		_, err = p.viewers.join()
		require.ErrorIs(t, err, errClosed)
		p.Close()
	})
}

func TestCloseWaitsForNoAnswer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, server *fakeServer, p *Page) {
		server.hold()
		_, err := p.viewers.join()
		require.NoError(t, err)
		synctest.Wait()
		p.Close()
		require.Len(t, server.asked(), 1)
		server.goOn()
	})
}

func TestProblemsAreTold(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, server *fakeServer, p *Page) {
		server.fail(inferr.Errorf(codes.ResourceExhausted, "there are 5 sequences already"))
		one, err := p.viewers.join()
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		<-one.messages // begin
		<-one.messages // models
		require.Contains(t, string(<-one.messages), `"problem":"there are 5 sequences already"`)
		server.fail(nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		events, _ := read(one)
		require.Contains(t, events, "weather")
		late, err := p.viewers.join()
		require.NoError(t, err)
		require.Contains(t, string(<-late.messages), `"problem":""`)
	})
}

func TestWithoutWeather(t *testing.T) {
	inBubble(t, func(o *Options) { o.Weather = "" }, func(t *testing.T, server *fakeServer, p *Page) {
		one, err := p.viewers.join()
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Contains(t, string(<-one.messages), `"weather":null`)
		events, _ := read(one)
		require.NotContains(t, events, "weather")
		require.Empty(t, server.asked())
	})
}
