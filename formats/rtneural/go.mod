module example.com/lstm/formats/rtneural

go 1.26.0

require (
	example.com/lstm v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

// Until the first release: docs/releasing.md.
replace example.com/lstm => ../..
