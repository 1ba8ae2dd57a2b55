package page

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/seattle"
)

// A record is a row of package seattle's table.
type record struct {
	date    string
	x       []float32 // what the network sees of it
	highest float64   // °C
	rain    float64   // mm
	sky     string    // drizzle, rain, sun, snow or fog
}

// A quantity is an input or an output of the network as the metadata of its file
// describes it: the network sees (value - Mean) / Std.
type quantity struct {
	Name string  `json:"name"`
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
}

func (q *quantity) normalize(value float64) float32 { return float32((value - q.Mean) / q.Std) }

// restore is the inverse, rounded twice on every machine.
func (q *quantity) restore(y float32) float64 { return float64(float64(y)*q.Std) + q.Mean }

// weatherData are the table, scaled for the network beside it.
type weatherData struct {
	records []record
	output  quantity // the next day's highest temperature
	heldOut string   // the date from which on the network has not been trained
}

func readWeather() (*weatherData, error) {
	model, err := lstm.ReadModel(bytes.NewReader(seattle.Model))
	if err != nil {
		return nil, fmt.Errorf("the embedded model: %w", err)
	}
	var inputs, outputs []quantity
	var evaluate struct{ From string }
	for key, v := range map[string]any{"lstm.inputs": &inputs, "lstm.outputs": &outputs, "lstm.evaluate": &evaluate} {
		if err := json.Unmarshal([]byte(model.Metadata[key]), v); err != nil {
			return nil, fmt.Errorf("the embedded model: metadata %s: %w", key, err)
		}
	}
	if len(outputs) != 1 {
		return nil, fmt.Errorf("the embedded model has %d outputs, want 1", len(outputs))
	}
	rows, err := csv.NewReader(bytes.NewReader(seattle.Data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("the embedded table: %w", err)
	}
	t := table{rows[0], rows[1:]}
	d := &weatherData{output: outputs[0], heldOut: evaluate.From}
	for i := range t.rows {
		r := record{date: t.text(i, "date"), sky: t.text(i, "weather"), highest: t.number(i, "temp_max"), rain: t.number(i, "precipitation")}
		for j := range inputs {
			r.x = append(r.x, inputs[j].normalize(t.number(i, inputs[j].Name)))
		}
		d.records = append(d.records, r)
	}
	return d, nil
}

// A table is one that is known to be right: it is part of the program.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) text(row int, column string) string {
	return t.rows[row][slices.Index(t.header, column)]
}

func (t *table) number(row int, column string) float64 {
	v, err := strconv.ParseFloat(t.text(row, column), 64)
	if err != nil {
		panic("page: the embedded table: " + err.Error())
	}
	return v
}
