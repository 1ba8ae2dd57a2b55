package lstmtest

// Shapes are the input size and hidden sizes of the networks that most tests
// run, on both sides of every edge of a panel, and the size of a head.
var Shapes = []struct {
	Sizes   []int
	Outputs int // 0 for no head
}{
	{Sizes: []int{1, 1}},
	{Sizes: []int{1, 7}, Outputs: 1},
	{Sizes: []int{3, 8}, Outputs: 3},
	{Sizes: []int{2, 9}},
	{Sizes: []int{5, 15}, Outputs: 17},
	{Sizes: []int{1, 16}},
	{Sizes: []int{7, 17}, Outputs: 2},
	{Sizes: []int{16, 20}, Outputs: 5},
	{Sizes: []int{1, 24}, Outputs: 4},
	{Sizes: []int{9, 25}},
	{Sizes: []int{31, 32}, Outputs: 16},
	{Sizes: []int{64, 40}, Outputs: 1},
	{Sizes: []int{33, 64}, Outputs: 10},
	{Sizes: []int{4, 16, 16}},
	{Sizes: []int{3, 17, 5, 33}, Outputs: 2},
	{Sizes: []int{20, 8, 30, 1, 12}},
}
