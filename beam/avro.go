// Avro: container files of it read as tables are.

package bijoubeam

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/bijou-flow/bijou/table"
)

// Avro is the format of files that are written under names in .avro. Files that are read are known by
// their content.
const Avro table.Format = "avro"

const avroMagic = "Obj\x01"

// avroCells reads the records of an Avro file.
type avroCells struct {
	columns []string
	text    []func(any) (string, error) // by column, of what is not null
	from    *goavro.OCFReader
	cells   []string
}

func openAvro(in io.Reader) (*avroCells, error) {
	from, err := goavro.NewOCFReader(bufio.NewReader(in))
	if err != nil {
		return nil, err
	}
	var schema avroType
	if err := json.Unmarshal(from.MetaData()["avro.schema"], &schema); err != nil {
		return nil, err
	}
	if schema.Type != "record" || len(schema.Fields) == 0 {
		return nil, fmt.Errorf("values of type %q, want records with fields: %w", schema.Type, table.ErrColumns)
	}
	a := &avroCells{from: from, cells: make([]string, len(schema.Fields))}
	named := map[string]avroType{}
	for _, f := range schema.Fields {
		text, err := f.Type.text(named)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		a.columns, a.text = append(a.columns, f.Name), append(a.text, text)
	}
	return a, nil
}

func (a *avroCells) names() []string { return a.columns }

func (a *avroCells) next(write func(cells []string) error) error {
	for range 256 {
		if !a.from.Scan() {
			if err := a.from.Err(); err != nil {
				return err
			}
			return io.EOF
		}
		v, err := a.from.Read()
		if err != nil {
			return err
		}
		record, _ := v.(map[string]any) // as the schema has it
		for j, name := range a.columns {
			v := record[name]
			if union, ok := v.(map[string]any); ok && len(union) == 1 {
				for _, v = range union {
				}
			}
			if a.cells[j] = ""; v == nil {
				continue
			}
			if a.cells[j], err = a.text[j](v); err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
		}
		if err := write(a.cells); err != nil {
			return err
		}
	}
	return nil
}

// avroType is a type of a schema: its name, an object with more about it, or a union of several.
type avroType struct {
	Type      string
	Logical   string
	Name      string
	Namespace string
	Scale     int
	Fields    []avroField
	Union     []avroType
}

// avroField is a field of a record.
type avroField struct {
	Name string   `json:"name"`
	Type avroType `json:"type"`
}

// UnmarshalJSON reads any of the three.
func (t *avroType) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		return json.Unmarshal(raw, &t.Type)
	case '[':
		return json.Unmarshal(raw, &t.Union)
	}
	var o struct {
		Type      json.RawMessage `json:"type"`
		Logical   string          `json:"logicalType"`
		Name      string          `json:"name"`
		Namespace string          `json:"namespace"`
		Scale     int             `json:"scale"`
		Fields    []avroField     `json:"fields"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	if len(o.Type) > 0 && o.Type[0] != '"' { // a type within a type
		return json.Unmarshal(o.Type, t)
	}
	*t = avroType{Logical: o.Logical, Name: o.Name, Namespace: o.Namespace, Scale: o.Scale, Fields: o.Fields}
	return json.Unmarshal(o.Type, &t.Type)
}

// text is how values of the type are written, which are not null; named has the types with names so
// far.
func (t avroType) text(named map[string]avroType) (func(any) (string, error), error) {
	if len(t.Union) > 0 {
		plain := slices.DeleteFunc(slices.Clone(t.Union), func(u avroType) bool { return u.Type == "null" })
		if len(plain) != 1 {
			return nil, fmt.Errorf("a union of %d types beside null, want one: %w", len(plain), table.ErrColumns)
		}
		return plain[0].text(named)
	}
	if known, ok := named[t.Type]; ok {
		t = known
	}
	if t.Name != "" {
		named[t.Name] = t
		named[t.Namespace+"."+t.Name] = t
	}
	switch t.Logical {
	case "date", "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		return t.moment, nil
	case "decimal":
		return t.decimal, nil
	case "time-millis", "time-micros", "duration":
		return nil, fmt.Errorf("of type %s, want numbers, texts, dates or timestamps: %w", t.Logical, table.ErrInput)
	}
	switch t.Type {
	case "boolean", "int", "long", "float", "double", "string", "bytes", "enum", "fixed", "null":
		return avroText, nil
	}
	return nil, fmt.Errorf("of type %q, want numbers, texts, booleans, dates or timestamps: %w", t.Type, table.ErrColumns)
}

// avroText is a value of a plain type.
func avroText(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v), nil
	case int32:
		return strconv.FormatInt(int64(v), 10), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float32:
		return float(float64(v), 32), nil
	case float64:
		return float(v, 64), nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("a value of type %T: %w", v, table.ErrInput)
}

// moment is a date or a time.
func (t avroType) moment(v any) (string, error) {
	var at time.Time
	switch v := v.(type) {
	case time.Time:
		at = v.UTC()
	case int32: // of days
		at = time.Unix(86400*int64(v), 0).UTC()
	case int64: // of a logical type that the reader does not know
		unit := int64(1e9)
		switch {
		case strings.HasSuffix(t.Logical, "millis"):
			unit = 1e3
		case strings.HasSuffix(t.Logical, "micros"):
			unit = 1e6
		}
		at = time.Unix(v/unit, v%unit*(1e9/unit)).UTC()
	default:
		return avroText(v)
	}
	if t.Logical == "date" {
		return at.Format(time.DateOnly), nil
	}
	return at.Format(time.RFC3339Nano), nil
}

// decimal is a number with as many digits behind the point as the type has.
func (t avroType) decimal(v any) (string, error) {
	if r, ok := v.(*big.Rat); ok {
		return r.FloatString(max(t.Scale, 0)), nil
	}
	return avroText(v)
}
