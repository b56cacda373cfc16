// Package nodejs holds a second opinion on the node's protocol: the official client of another language.
package nodejs
