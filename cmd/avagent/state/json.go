package state

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Get reads one JSON value. A missing one leaves value as it is.
func Get(tx *bbolt.Tx, bucket, key string, value any) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	content := b.Get([]byte(key))
	if content == nil {
		return nil
	}
	if err := json.Unmarshal(content, value); err != nil {
		return fmt.Errorf("stored %s/%s: %w", bucket, key, err)
	}
	return nil
}

// Put writes one JSON value.
func Put(tx *bbolt.Tx, bucket, key string, value any) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	content, err := Encode(value)
	if err != nil {
		return fmt.Errorf("store %s/%s: %w", bucket, key, err)
	}
	return b.Put([]byte(key), content)
}

// Delete removes one value; a missing one is fine.
func Delete(tx *bbolt.Tx, bucket, key string) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.Delete([]byte(key))
}

// Each calls fn for every value of a bucket in the order of the keys. fn must not change the bucket.
func Each[T any](tx *bbolt.Tx, bucket string, fn func(key string, value T) error) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		var value T
		if err := json.Unmarshal(v, &value); err != nil {
			return fmt.Errorf("stored %s/%s: %w", bucket, k, err)
		}
		return fn(string(k), value)
	})
}

// Encode makes JSON without Go's escapes for HTML, which would let a path full of "<" outgrow the limits of the wire.
func Encode(value any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
