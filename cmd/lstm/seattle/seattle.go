// Package seattle holds four years of daily weather in Seattle, and a small
// LSTM network that forecasts tomorrow's maximum temperature from it.
//
// The observations are from the National Oceanic and Atmospheric
// Administration (NOAA), a work of the U.S. government and in the public
// domain. The table is seattle-weather.csv, unchanged, from the
// vega-datasets collection. The README beside this file says how the network
// was trained and how well it does.
package seattle

import _ "embed"

// Data is the table: a header and 1461 rows, 2012-01-01 to 2015-12-31, with
// the columns date, precipitation (mm), temp_max and temp_min (°C), wind
// and weather.
//
//go:embed seattle-weather.csv
var Data []byte

// Model is the network as a safetensors file. Its metadata says which columns
// are its inputs and how they are scaled.
//
//go:embed model.safetensors
var Model []byte
