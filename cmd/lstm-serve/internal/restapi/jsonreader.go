package restapi

import (
	"encoding/json"
	"strings"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// What a JSON text may have at most, so that a hostile one cannot take more memory than
// a few times its size, nor much stack.
const (
	mostDepth = 32 // of values that nobody reads
	mostKeys  = 64 // of an object
)

// A reader reads a JSON text from left to right, each value once. encoding/json would
// take the last of two equal keys, and keys in any case; and the numbers of a tensor
// would have to be read twice. All errors have the code InvalidArgument.
type reader struct {
	text string // valid UTF-8
	at   int
}

func (r *reader) errorf(format string, args ...any) error {
	return inferr.Errorf(codes.InvalidArgument, "JSON, byte %d: "+format, append([]any{r.at}, args...)...)
}

// next passes spaces, and returns the byte behind them, 0 at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
		default:
			return r.text[r.at]
		}
	}
	return 0
}

// expected is the error where something else comes next.
func (r *reader) expected(what string) error {
	if r.next() == 0 {
		return r.errorf("the text ends, expected %s", what)
	}
	return r.errorf("%q…, expected %s", clip(r.text[r.at:], 12), what)
}

// clip returns at most n bytes of s, which may be as long as a body.
func clip(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// end returns an error unless the text ends.
func (r *reader) end() error {
	if r.next(); r.at < len(r.text) {
		return r.expected("the end of the text")
	}
	return nil
}

// object reads an object: value is called at the value of each key, and reads it.
func (r *reader) object(what string, value func(key string) error) error {
	if r.next() != '{' {
		return r.expected(what + ", an object")
	}
	r.at++
	if r.next() == '}' {
		r.at++
		return nil
	}
	keys := make([]string, 0, 8)
	for {
		key, err := r.string("a key of " + what)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k == key {
				return r.errorf("%s has %q twice", what, clip(key, 64))
			}
		}
		if len(keys) == mostKeys {
			return r.errorf("%s has more than %d keys", what, mostKeys)
		}
		keys = append(keys, key)
		if r.next() != ':' {
			return r.expected(`":"`)
		}
		r.at++
		if err := value(key); err != nil {
			return err
		}
		if more, err := r.more('}'); !more {
			return err
		}
	}
}

// array reads an array: element is called at each element, and reads it.
func (r *reader) array(what string, element func() error) error {
	if r.next() != '[' {
		return r.expected(what + ", an array")
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if more, err := r.more(']'); !more {
			return err
		}
	}
}

// more reads what comes behind an element: a comma, or the end of its array or object.
func (r *reader) more(end byte) (bool, error) {
	switch r.next() {
	case ',':
		r.at++
		return true, nil
	case end:
		r.at++
		return false, nil
	}
	return false, r.expected(`"," or "` + string(end) + `"`)
}

func (r *reader) string(what string) (string, error) {
	if r.next() != '"' {
		return "", r.expected(what + ", a string")
	}
	start, escaped := r.at, false
	for i := start + 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			text := r.text[start+1 : i]
			if escaped {
				var err error
				if text, err = unescape(r.text[start : i+1]); err != nil {
					return "", r.errorf("%s: %v", what, err)
				}
			}
			r.at = i + 1
			return text, nil
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", r.errorf("%s has the control character %q", what, c)
		}
	}
	return "", r.errorf("%s has no end", what)
}

// unescape returns the text of a string that has escapes. encoding/json makes U+FFFD
// of halves of surrogate pairs, by which two identifiers could become one.
func unescape(quoted string) (string, error) {
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		return "", err
	}
	if strings.Count(text, "\uFFFD") > strings.Count(quoted, "\uFFFD") {
		return "", errSurrogate
	}
	return text, nil
}

// number reads a number, and returns it as it is written.
func (r *reader) number(what string) (string, error) {
	c := r.next()
	if c != '-' && (c < '0' || c > '9') {
		return "", r.expected(what + ", a number")
	}
	text := r.text[r.at:]
	i := 0
	if text[0] == '-' {
		i++
	}
	switch n := digits(text[i:]); {
	case n == 0:
		return "", r.errorf("%q, expected a digit behind the sign", clip(text, 12))
	case n > 1 && text[i] == '0':
		return "", r.errorf("%q, a number must not begin with a 0", clip(text, 12))
	default:
		i += n
	}
	if i < len(text) && text[i] == '.' {
		n := digits(text[i+1:])
		if n == 0 {
			return "", r.errorf("%q, expected a digit behind the point", clip(text, 12))
		}
		i += 1 + n
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		n := digits(text[i:])
		if n == 0 {
			return "", r.errorf("%q, expected a digit in the exponent", clip(text, 12))
		}
		i += n
	}
	r.at += i
	return text[:i], nil
}

// digits returns with how many of them s begins.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

func (r *reader) boolean(what string) (bool, error) {
	r.next()
	switch {
	case r.word("true"):
		return true, nil
	case r.word("false"):
		return false, nil
	}
	return false, r.expected(what + ", true or false")
}

// word reads w if it comes next.
func (r *reader) word(w string) bool {
	if !strings.HasPrefix(r.text[r.at:], w) {
		return false
	}
	r.at += len(w)
	return true
}

// skip reads a value of any kind.
func (r *reader) skip() error { return r.skipAt(0) }

func (r *reader) skipAt(depth int) error {
	if depth > mostDepth {
		return r.errorf("more than %d arrays and objects in one another", mostDepth)
	}
	var err error
	switch c := r.next(); {
	case c == '{':
		err = r.object("a value", func(string) error { return r.skipAt(depth + 1) })
	case c == '[':
		err = r.array("a value", func() error { return r.skipAt(depth + 1) })
	case c == '"':
		_, err = r.string("a value")
	case c == '-' || '0' <= c && c <= '9':
		_, err = r.number("a value")
	case r.word("true"), r.word("false"), r.word("null"):
	default:
		err = r.expected("a value")
	}
	return err
}
