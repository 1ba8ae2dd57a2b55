//go:build (!amd64 && !arm64) || purego || noasm

package lstm

func step(from *chainStart, p *panels, x, c, h []float32) {
	stepGeneric(*from, *p, x, c, h)
}

func stepTile(from *chainStart, p *panels, columns []column) {
	stepTileGeneric(*from, *p, columns)
}

func gatesTile(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesTileGeneric(*from, *p, columns, units, z, zStride)
}

func head(weights, bias, x, y []float32) {
	headGeneric(weights, bias, x, y)
}

func elements(f function, dst, x []float32) { elementsGeneric(f, dst, x) }

const maxTileMACs = 1 << 18
