package gen

// int8Format is weights of int8, four of a column side by side, and columns that are
// quantised blocks of 7 bits; int8DigitsFormat is the same weights and blocks of
// 14 bits.
var (
	int8Format       = &Format{Name: "int8", Size: floatSize, int8: true}
	int8DigitsFormat = &Format{Name: "int8Digits", Size: floatSize, int8: true, digits: true}
)
