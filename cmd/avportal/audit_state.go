package main

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/license"
	"avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/profile"
	"avportal/domain/reseller"
	"avportal/domain/session"
	"avportal/domain/sync"
	"avportal/domain/team"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/domain/webhook"
)

// fold is the state of an aggregate of any kind.
type fold interface {
	apply(domain.Event)
	state() map[string]any // what of it is not zero
}

// folds begin the state of each kind.
var folds = map[domain.Kind]func() fold{
	domain.KindReseller: newFold[reseller.State],
	domain.KindCustomer: newFold[customer.State],
	domain.KindLicense:  newFold[license.State],
	domain.KindGroup:    newFold[group.State],
	domain.KindProfile:  newFold[profile.State],
	domain.KindDevice:   newFold[device.State],
	domain.KindJob:      newFold[job.State],
	domain.KindUser:     newFold[user.State],
	domain.KindTeam:     newFold[team.State],
	domain.KindToken:    newFold[token.State],
	domain.KindSession:  newFold[session.State],
	domain.KindSync:     newFold[sync.State],
	domain.KindNotice:   newFold[notice.State],
	domain.KindMail:     newFold[mail.State],
	domain.KindWebhook:  newFold[webhook.State],
}

type folded[S domain.State[S]] struct{ s S }

func newFold[S domain.State[S]]() fold { return &folded[S]{} }

func (f *folded[S]) apply(e domain.Event) { f.s = f.s.Evolve(e) }

func (f *folded[S]) state() map[string]any {
	m, _ := open(reflect.ValueOf(&f.s).Elem()).(map[string]any)
	return m
}

// open makes plain values of a state, whose fields are nobody's business but the aggregate's: an auditor may look inside. Zero
// values are left out.
func open(v reflect.Value) any {
	if v.IsZero() {
		return nil
	}
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case time.Time:
			return x.UTC().Format(time.RFC3339Nano)
		case encoding.TextMarshaler:
			if text, err := x.MarshalText(); err == nil {
				return string(text)
			}
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return open(v.Elem())
	case reflect.Struct:
		return openStruct(v)
	case reflect.Map:
		out := map[string]any{}
		for k, e := range v.Seq2() {
			out[fmt.Sprint(k)] = openCopy(e)
		}
		return out
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = open(v.Index(i))
		}
		return out
	case reflect.String:
		return v.String()
	}
	return fmt.Sprint(v)
}

func openStruct(v reflect.Value) any {
	out := map[string]any{}
	for i := range v.NumField() {
		// An unexported field can be read through its address only.
		f := reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Elem()
		switch inner := open(f).(type) {
		case nil:
		case map[string]any:
			if len(inner) > 0 {
				out[v.Type().Field(i).Name] = inner
			}
		default:
			out[v.Type().Field(i).Name] = inner
		}
	}
	return out
}

// openCopy opens a value of a map, which has no address.
func openCopy(v reflect.Value) any {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	if opened := open(c); opened != nil {
		return opened
	}
	return true // a member of a set
}

// flat lists the values of a state by their paths.
func flat(state map[string]any) map[string]string {
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"/"+k, e)
			}
		case []any:
			for i, e := range v {
				walk(path+"/"+strconv.Itoa(i), e)
			}
		case nil:
		default:
			out[path] = fmt.Sprint(v)
		}
	}
	walk("", state)
	return out
}
