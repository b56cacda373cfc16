package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"

	"avportal/eventstore/node/storage"
)

const (
	// handlerTime bounds one call of a user's function.
	handlerTime = 250 * time.Millisecond
	// maxState bounds the JSON of a state, bytes.
	maxState = 4 << 20
	// maxCallStack bounds recursion in a user's function.
	maxCallStack = 512
)

// source is which events a projection sees.
type source struct {
	all      bool
	streams  map[string]bool
	category string
}

// matches says whether the projection sees the event.
func (s *source) matches(e *storage.Entry) bool {
	if s.all {
		return !e.Carried()
	}
	name := string(e.AppendStream(nil))
	if s.category != "" {
		category, _, found := strings.Cut(name, "-")
		return found && category == s.category
	}
	return s.streams[name]
}

// engine is one compiled projection with its state. It is used by one goroutine at a time.
type engine struct {
	vm       *goja.Runtime
	source   *source
	handlers map[string]goja.Callable
	// transforms are applied to the state, in order, to get the result; nil stands for a filter that said no.
	transforms []transform
	init       goja.Callable
	state      goja.Value
	output     bool // the query has outputState
}

type transform struct {
	call     goja.Callable
	isFilter bool
}

// compile runs the query, which describes the projection by calling functions.
func compile(query string) (*engine, error) {
	e := &engine{vm: goja.New(), handlers: map[string]goja.Callable{}}
	e.vm.SetMaxCallStackSize(maxCallStack)
	e.vm.SetFieldNameMapper(goja.UncapFieldNameMapper())
	if err := e.define(); err != nil {
		return nil, err
	}
	if err := e.limited(func() error {
		_, err := e.vm.RunString(query)
		return err
	}); err != nil {
		return nil, fmt.Errorf("the query: %w", err)
	}
	if e.source == nil {
		return nil, errors.New("the query names no source; begin with fromAll(), fromStream(), fromStreams() or fromCategory()")
	}
	return e, e.begin()
}

// limited runs a user's code for a bounded time.
func (e *engine) limited(run func() error) error {
	timer := time.AfterFunc(handlerTime, func() {
		e.vm.Interrupt(fmt.Sprintf("it ran for more than %v", handlerTime))
	})
	defer func() {
		timer.Stop()
		e.vm.ClearInterrupt()
	}()
	err := run()
	var tooDeep *goja.StackOverflowError
	if errors.As(err, &tooDeep) {
		return errors.New("it calls itself too deeply")
	}
	return err
}

// refused are functions of EventStoreDB's projections that the node does not have.
var refused = []string{
	"emit", "linkTo", "copyTo", "linkStreamTo", "fromStreamCatalog", "fromStreamsMatching", "fromPartition",
}

func (e *engine) define() error {
	for _, name := range refused {
		if err := e.vm.Set(name, e.refuse(name)); err != nil {
			return err
		}
	}
	sources := map[string]func(goja.FunctionCall) source{
		"fromAll": func(goja.FunctionCall) source { return source{all: true} },
		"fromStream": func(c goja.FunctionCall) source {
			return source{streams: map[string]bool{c.Argument(0).String(): true}}
		},
		"fromCategory": func(c goja.FunctionCall) source { return source{category: c.Argument(0).String()} },
		"fromStreams": func(c goja.FunctionCall) source {
			s := source{streams: map[string]bool{}}
			for _, argument := range c.Arguments {
				var names []string
				if e.vm.ExportTo(argument, &names) == nil {
					for _, name := range names {
						s.streams[name] = true
					}
				} else {
					s.streams[argument.String()] = true
				}
			}
			return s
		},
	}
	for name, read := range sources {
		err := e.vm.Set(name, func(c goja.FunctionCall) goja.Value {
			s := read(c)
			e.source = &s
			return e.chain()
		})
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"options", "log"} {
		if err := e.vm.Set(name, func(goja.FunctionCall) goja.Value { return goja.Undefined() }); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) refuse(name string) func(goja.FunctionCall) goja.Value {
	return func(goja.FunctionCall) goja.Value {
		panic(e.vm.NewTypeError(name + " is not available on the embedded node; use an EventStoreDB cluster for projections that write or partition"))
	}
}

// chain returns the object on which the next function of a query is called.
func (e *engine) chain() goja.Value {
	object := e.vm.NewObject()
	set := func(name string, f func(goja.FunctionCall) goja.Value) {
		if err := object.Set(name, f); err != nil {
			panic(err) // a fresh object takes every field
		}
	}
	set("when", func(c goja.FunctionCall) goja.Value {
		handlers := c.Argument(0).ToObject(e.vm)
		for _, name := range handlers.Keys() {
			call, ok := goja.AssertFunction(handlers.Get(name))
			switch {
			case !ok:
				panic(e.vm.NewTypeError("the handler of " + name + " is no function"))
			case name == "$init":
				e.init = call
			case name == "$initShared" || name == "$created" || name == "$deleted":
				e.refuse(name)(c)
			default:
				e.handlers[name] = call
			}
		}
		return e.chain()
	})
	addTransform := func(isFilter bool) func(goja.FunctionCall) goja.Value {
		return func(c goja.FunctionCall) goja.Value {
			call, ok := goja.AssertFunction(c.Argument(0))
			if !ok {
				panic(e.vm.NewTypeError("a function is needed"))
			}
			e.transforms = append(e.transforms, transform{call: call, isFilter: isFilter})
			return e.chain()
		}
	}
	set("transformBy", addTransform(false))
	set("filterBy", addTransform(true))
	set("outputState", func(goja.FunctionCall) goja.Value {
		e.output = true
		return e.chain()
	})
	for _, name := range []string{"foreachStream", "partitionBy", "outputTo"} {
		set(name, e.refuse(name))
	}
	return object
}

// begin sets the state to what $init says.
func (e *engine) begin() error {
	e.state = e.vm.NewObject()
	if e.init == nil {
		return nil
	}
	return e.limited(func() (err error) {
		e.state, err = e.init(goja.Undefined())
		return err
	})
}

// apply folds one event into the state.
func (e *engine) apply(entry *storage.Entry) error {
	handler := e.handlers[string(entry.Type())]
	if handler == nil {
		if handler = e.handlers["$any"]; handler == nil {
			return nil
		}
	}
	event := e.event(entry)
	return e.limited(func() error {
		next, err := handler(goja.Undefined(), e.state, event)
		if err == nil && next != nil && !goja.IsUndefined(next) {
			e.state = next
		}
		return err
	})
}

func (e *engine) event(entry *storage.Entry) goja.Value {
	stream, data, metadata := string(entry.AppendStream(nil)), entry.AppendData(nil), entry.Metadata()
	object := map[string]any{
		"eventType": string(entry.Type()), "streamId": stream, "sequenceNumber": entry.Revision(), "eventId": entry.ID().String(),
		"isJson": entry.JSON(), "bodyRaw": string(data), "metadataRaw": string(metadata), "partition": "",
	}
	var parsed any
	if entry.JSON() && json.Unmarshal(data, &parsed) == nil {
		object["body"], object["data"] = parsed, parsed
	}
	var parsedMetadata any
	if len(metadata) > 0 && json.Unmarshal(metadata, &parsedMetadata) == nil {
		object["metadata"] = parsedMetadata
	}
	return e.vm.ToValue(object)
}

// stateJSON is the state as JSON text.
func (e *engine) stateJSON() ([]byte, error) { return e.encode(e.state) }

// resultJSON is the state after the transformations; null if a filter said no.
func (e *engine) resultJSON() ([]byte, error) {
	value := e.state
	err := e.limited(func() (err error) {
		for _, t := range e.transforms {
			next, err := t.call(goja.Undefined(), value)
			if err != nil {
				return err
			}
			if t.isFilter {
				if !next.ToBoolean() {
					value = goja.Null()
					return nil
				}
			} else if !goja.IsUndefined(next) {
				value = next
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e.encode(value)
}

func (e *engine) encode(value goja.Value) ([]byte, error) {
	text, err := json.Marshal(value.Export())
	if err == nil && len(text) > maxState {
		err = fmt.Errorf("the state has %d bytes, more than %d", len(text), maxState)
	}
	return text, err
}
