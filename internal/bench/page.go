package bench

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// A page says which figures it shows, and where, with marks such as
//
//	<!-- figures benchmarks/xeon.json#step -->
//	<!-- end of figures -->
//
// The name is that of a report, beside the page, and of one of its tables, or
// without # of all of them.
var pageBlock = regexp.MustCompile(`(?s)(<!-- figures ([^#\s]+)(?:#(\S+))? -->\n).*?(<!-- end of figures -->)`)

// FillPage puts tables between the marks of a page.
func FillPage(page []byte, read func(name string) (*Report, error)) ([]byte, error) {
	blocks := pageBlock.FindAllSubmatchIndex(page, -1)
	if len(blocks) == 0 {
		return nil, fmt.Errorf("it has no marks <!-- figures FILE --> and <!-- end of figures -->")
	}
	var filled bytes.Buffer
	end := 0
	for _, at := range blocks {
		part := func(i int) string {
			if at[2*i] < 0 {
				return ""
			}
			return string(page[at[2*i]:at[2*i+1]])
		}
		report, err := read(part(2))
		if err != nil {
			return nil, err
		}
		filled.Write(page[end:at[0]])
		filled.WriteString(part(1))
		if err := report.writeBlock(&filled, part(2), part(3)); err != nil {
			return nil, err
		}
		filled.WriteString(part(4))
		end = at[1]
	}
	filled.Write(page[end:])
	return filled.Bytes(), nil
}

func (r *Report) writeBlock(b *bytes.Buffer, name, id string) error {
	found := false
	for _, t := range r.Tables() {
		if id == "" || t.ID == id {
			found = true
			b.WriteByte('\n')
			if err := t.WriteMarkdown(b); err != nil {
				return err
			}
		}
	}
	if !found {
		var ids []string
		for _, t := range r.Tables() {
			ids = append(ids, t.ID)
		}
		return fmt.Errorf("%s has no table %q, want one of %s", name, id, strings.Join(ids, ", "))
	}
	fmt.Fprintf(b, "\n%s\n\n", r.Heading())
	return nil
}
