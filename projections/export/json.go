package export

import (
	"bytes"
	"encoding/json"
	"io"
)

// JSONLines writes each row as a JSON object on a line of its own, for scripts.
type JSONLines struct {
	to    io.Writer
	names [][]byte
	line  bytes.Buffer
}

// NewJSONLines writes rows to w.
func NewJSONLines(w io.Writer) *JSONLines { return &JSONLines{to: w} }

// Begin implements Writer.
func (j *JSONLines) Begin(_ string, columns []Column) error {
	j.names = nil
	for _, c := range columns {
		name, err := json.Marshal(c.Name)
		if err != nil {
			return err
		}
		j.names = append(j.names, name)
	}
	return nil
}

// Row implements Writer.
func (j *JSONLines) Row(cells []any) error {
	j.line.Reset()
	j.line.WriteByte('{')
	for i, c := range cells {
		value, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if i > 0 {
			j.line.WriteByte(',')
		}
		j.line.Write(j.names[i])
		j.line.WriteByte(':')
		j.line.Write(value)
	}
	j.line.WriteString("}\n")
	_, err := j.to.Write(j.line.Bytes())
	return err
}

// End implements Writer.
func (j *JSONLines) End() error { return nil }
