package demorsp

import (
	"slices"
	"sync"

	"avportal/http/rsp"
)

// Inventory is what the demo Reseller Portal knows. It is safe for concurrent use.
type Inventory struct {
	mu        sync.Mutex
	users     []rsp.User
	resellers map[string]*holdings
	away      bool
}

// holdings are what one reseller has.
type holdings struct {
	accounts []rsp.Account
	licenses []rsp.License
}

// NewInventory begins with people, and without customers.
func NewInventory(users ...rsp.User) *Inventory {
	return &Inventory{users: users, resellers: map[string]*holdings{}}
}

// become takes over what another one knows.
func (i *Inventory) become(other *Inventory) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.users, i.resellers = other.users, other.resellers
}

func (i *Inventory) of(reseller string) *holdings {
	h := i.resellers[reseller]
	if h == nil {
		h = &holdings{}
		i.resellers[reseller] = h
	}
	return h
}

// Put adds a reseller's customer with his licenses, or replaces what has the same ids.
func (i *Inventory) Put(reseller string, a rsp.Account, licenses ...rsp.License) {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.of(reseller)
	h.accounts = append(slices.DeleteFunc(h.accounts, func(b rsp.Account) bool { return b.ID == a.ID }), a)
	for _, l := range licenses {
		l.Account = a.ID
		h.licenses = append(slices.DeleteFunc(h.licenses, func(m rsp.License) bool { return m.ID == l.ID }), l)
	}
}

// Change changes a license; it reports false if there is none.
func (i *Inventory) Change(reseller, license string, change func(*rsp.License)) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.of(reseller)
	n := slices.IndexFunc(h.licenses, func(l rsp.License) bool { return l.ID == license })
	if n >= 0 {
		change(&h.licenses[n])
	}
	return n >= 0
}

// Drop takes a license off the list.
func (i *Inventory) Drop(reseller, license string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.of(reseller)
	h.licenses = slices.DeleteFunc(h.licenses, func(l rsp.License) bool { return l.ID == license })
}

// GoAway lets the API answer that it is down, until it comes back.
func (i *Inventory) GoAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func (i *Inventory) down() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.away
}

// Users are the people who may sign in.
func (i *Inventory) Users() []rsp.User {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.users)
}

func (i *Inventory) user(id string) (rsp.User, bool) {
	return i.find(func(u rsp.User) bool { return u.ID == id })
}

func (i *Inventory) find(is func(rsp.User) bool) (rsp.User, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := slices.IndexFunc(i.users, is); n >= 0 {
		return i.users[n], true
	}
	return rsp.User{}, false
}

func (i *Inventory) list(reseller string) ([]rsp.Account, []rsp.License) {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.of(reseller)
	return slices.Clone(h.accounts), slices.Clone(h.licenses)
}
