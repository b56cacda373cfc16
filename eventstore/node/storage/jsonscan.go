package storage

// jsonStringField finds the string value of a top-level field in a JSON object without decoding the rest.
// It returns where the text between the quotes stands. Anything that is no object, or no string, is not found.
func jsonStringField(b []byte, field string) (start, n int, found bool) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return 0, 0, false
	}
	for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; i = skipSpace(b, i+1) {
		keyEnd := stringEnd(b, i)
		if keyEnd < 0 {
			return 0, 0, false
		}
		isField := string(b[i+1:keyEnd]) == field
		if i = skipSpace(b, keyEnd+1); i >= len(b) || b[i] != ':' {
			return 0, 0, false
		}
		if i = skipSpace(b, i+1); i >= len(b) {
			return 0, 0, false
		}
		if isField {
			end := -1
			if b[i] == '"' {
				end = stringEnd(b, i)
			}
			return i + 1, end - i - 1, end >= 0
		}
		if i = skipValue(b, i); i < 0 {
			return 0, 0, false
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ',' {
			return 0, 0, false
		}
	}
	return 0, 0, false
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index of the closing quote of the string that opens at i, or -1.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// skipValue returns the index after the value that begins at i, or -1.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the surrounding object, after a number or a literal
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}
