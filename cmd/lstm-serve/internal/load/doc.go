// Package load puts load on a server of sequences, or on parts of one, and measures
// latency as those see it who do not wait for each other: requests are due at times that
// a schedule has, whatever has become of those before, and latency is counted from when
// a request was due. So a server that stops for a second has made all wait who came
// within it, not the one whose answer was late (the "coordinated omission" of Gil Tene's
// talks and HdrHistogram).
package load
