package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Distribution is whole numbers from 1 on, and how often each is drawn.
type Distribution struct {
	text   string
	values []int
	limits []float64 // limits[i] is the probability that one of values[:i+1] is drawn
}

// ParseDistribution understands "1", "1,8:0.1,100:0.01" and the like: numbers with
// their probabilities. Those without one have equal parts of what is left.
func ParseDistribution(text string) (*Distribution, error) {
	d := &Distribution{text: text}
	var parts []float64
	sum, without := 0.0, 0
	for _, element := range strings.Split(text, ",") {
		number, part, has := strings.Cut(strings.TrimSpace(element), ":")
		value, err := strconv.Atoi(number)
		if err != nil || value < 1 {
			return nil, fmt.Errorf("%q is not a whole number from 1 on, or several as in 1,8:0.1,100:0.01", number)
		}
		p := -1.0
		if has {
			if p, err = strconv.ParseFloat(part, 64); err != nil || !(p >= 0 && p <= 1) {
				return nil, fmt.Errorf("the probability of %d is %q, want a number from 0 to 1", value, part)
			}
			sum += p
		} else {
			without++
		}
		d.values, parts = append(d.values, value), append(parts, p)
	}
	const rounding = 1e-9
	if sum > 1+rounding || without == 0 && sum < 1-rounding {
		return nil, fmt.Errorf("the probabilities of %q add up to %g, want 1, or less and a number without one", text, sum)
	}
	total := 0.0
	for _, p := range parts {
		if p < 0 {
			p = max(0, 1-sum) / float64(without)
		}
		total += p
		d.limits = append(d.limits, total)
	}
	return d, nil
}

func (d *Distribution) draw(r *rand.Rand) int {
	last := len(d.values) - 1
	if last == 0 {
		return d.values[0]
	}
	at := r.Float64()
	for i, limit := range d.limits[:last] {
		if at < limit {
			return d.values[i]
		}
	}
	return d.values[last]
}

// Most is the greatest of the numbers.
func (d *Distribution) Most() int {
	most := 0
	for _, v := range d.values {
		most = max(most, v)
	}
	return most
}

// String returns what was parsed.
func (d *Distribution) String() string { return d.text }
