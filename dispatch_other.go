package lstm

func detect() []path { return []path{generic} }

func step(from chainStart, p panels, x, c, h []float32) {
	stepGeneric(from, p, x, c, h)
}

func stepTile(from chainStart, p panels, columns []column) {
	stepTileGeneric(from, p, columns)
}

func gatesTile(from chainStart, p panels, columns []column, units int, z []float32, zStride int) {
	gatesTileGeneric(from, p, columns, units, z, zStride)
}

func head(weights, bias, x, y []float32) {
	headGeneric(weights, bias, x, y)
}

func sigmoids(dst, x []float32) { sigmoidGeneric(dst, x) }

func tanhs(dst, x []float32) { tanhGeneric(dst, x) }

const maxTileMACs = 1 << 18
