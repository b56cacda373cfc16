package api

import (
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"

	"avportal/domain"
)

// basePath begins every address of the document.
const basePath = "/api/v1"

// reach is whom a route is for, besides the permission.
type reach int

const (
	tenantWide   reach = iota + 1 // callers of a tenant who are not limited to a customer
	withinTenant                  // callers of a tenant; those who are limited to a customer see only what is his
	anyone                        // everyone who has a token
	public                        // everyone, also who is not signed in
	byLink                        // who has the secret of a read-only link, which stands in the address; he needs no token
)

type access struct {
	permission domain.Permission // empty: none is needed
	reach      reach
}

// routes has a row for every route of the document. A route without a row is a mistake that New finds.
var routes = map[string]access{
	"GET /me":                          {"", anyone},
	"GET /me/sessions":                 {"", anyone},
	"DELETE /me/sessions":              {"", anyone},
	"DELETE /me/sessions/{id}":         {"", anyone},
	"GET /me/credentials":              {"", anyone},
	"PUT /me/password":                 {"", anyone},
	"POST /me/totp":                    {"", anyone},
	"POST /me/totp/confirm":            {"", anyone},
	"POST /me/totp/disable":            {"", anyone},
	"POST /me/totp/recovery-codes":     {"", anyone},
	"POST /session":                    {"", public},
	"GET /session":                     {"", anyone},
	"GET /session/organisations":       {"", anyone},
	"POST /session/organisation":       {"", anyone},
	"POST /invitations/look-up":        {"", public},
	"POST /invitations/accept":         {"", public},
	"GET /me/passkeys":                 {"", anyone},
	"POST /me/passkeys":                {"", anyone},
	"POST /me/passkeys/challenge":      {"", anyone},
	"DELETE /me/passkeys/{id}":         {"", anyone},
	"POST /session/passkey":            {"", public},
	"POST /session/passkey/challenge":  {"", public},
	"DELETE /session":                  {"", anyone},
	"POST /password-recovery":          {"", public},
	"POST /password-recovery/complete": {"", public},

	"GET /events": {domain.Read, withinTenant},
	"GET /names":  {"", anyone},

	"GET /projections":                                {domain.OperatePlatform, anyone},
	"GET /projections/as-of":                          {domain.OperatePlatform, anyone},
	"POST /projections/as-of":                         {domain.OperatePlatform, anyone},
	"DELETE /projections/as-of/{name}":                {domain.OperatePlatform, anyone},
	"POST /projections/policies/{policy}/quarantine":  {domain.OperatePlatform, anyone},
	"POST /projections/policies/{policy}/rewind":      {domain.OperatePlatform, anyone},
	"GET /projections/{view}":                         {domain.OperatePlatform, anyone},
	"GET /projections/{view}/progress":                {domain.OperatePlatform, anyone},
	"POST /projections/{view}/quarantine":             {domain.OperatePlatform, anyone},
	"POST /projections/{view}/{task}":                 {domain.OperatePlatform, anyone},
	"DELETE /projections/{view}/generations/{schema}": {domain.OperatePlatform, anyone},

	"GET /dashboard": {domain.Read, withinTenant},

	"GET /customers":                  {domain.Read, withinTenant},
	"POST /customers":                 {domain.ManageCustomers, tenantWide},
	"GET /customers/{id}":             {domain.Read, withinTenant},
	"GET /customers/{id}/log-consent": {domain.Read, withinTenant},
	"PUT /customers/{id}/log-consent": {domain.GiveConsent, withinTenant},
	"PATCH /customers/{id}":           {domain.ManageCustomers, withinTenant},

	"GET /licenses":               {domain.Read, withinTenant},
	"POST /licenses":              {domain.ManageLicenses, tenantWide},
	"GET /licenses/export":        {domain.Read, withinTenant},
	"GET /licenses/{id}":          {domain.Read, withinTenant},
	"GET /licenses/{id}/download": {domain.ManageDevices, withinTenant},
	"PATCH /licenses/{id}":        {domain.ManageLicenses, withinTenant},
	"POST /licenses/{id}/renew":   {domain.ManageLicenses, withinTenant},
	"POST /licenses/{id}/refresh": {domain.ManageDevices, withinTenant},

	"GET /groups":         {domain.Read, withinTenant},
	"POST /groups":        {domain.ManageGroups, withinTenant},
	"PATCH /groups/{id}":  {domain.ManageGroups, withinTenant},
	"DELETE /groups/{id}": {domain.ManageGroups, withinTenant},

	"PUT /groups/{id}/profile":   {domain.ManageProfiles, withinTenant},
	"POST /groups/{id}/transmit": {domain.ManageDevices, withinTenant},

	"GET /profiles":                         {domain.Read, withinTenant},
	"POST /profiles":                        {domain.ManageProfiles, withinTenant},
	"GET /profiles/{id}":                    {domain.Read, withinTenant},
	"PATCH /profiles/{id}":                  {domain.ManageProfiles, withinTenant},
	"DELETE /profiles/{id}":                 {domain.ManageProfiles, withinTenant},
	"PUT /profiles/{id}/settings":           {domain.ManageProfiles, withinTenant},
	"POST /profiles/{id}/clone":             {domain.ManageProfiles, withinTenant},
	"POST /profiles/{id}/transmit":          {domain.ManageDevices, withinTenant},
	"GET /profiles/{id}/editions":           {domain.Read, withinTenant},
	"GET /profiles/{id}/editions/{edition}": {domain.Read, withinTenant},
	"GET /profiles/{id}/differences":        {domain.Read, withinTenant},
	"POST /profiles/{id}/restore":           {domain.ManageProfiles, withinTenant},

	"GET /devices":                               {domain.Read, withinTenant},
	"GET /devices/export":                        {domain.Read, withinTenant},
	"POST /devices/move":                         {domain.ManageDevices, withinTenant},
	"POST /devices/scan":                         {domain.ManageDevices, withinTenant},
	"POST /devices/update":                       {domain.ManageDevices, withinTenant},
	"POST /devices/transmit":                     {domain.ManageDevices, withinTenant},
	"POST /devices/label":                        {domain.ManageDevices, withinTenant},
	"POST /devices/remove":                       {domain.ManageDevices, withinTenant},
	"POST /devices/{id}/transmit":                {domain.ManageDevices, withinTenant},
	"GET /devices/{id}":                          {domain.Read, withinTenant},
	"PATCH /devices/{id}":                        {domain.ManageDevices, withinTenant},
	"DELETE /devices/{id}":                       {domain.ManageDevices, withinTenant},
	"POST /devices/{id}/scan":                    {domain.ManageDevices, withinTenant},
	"POST /devices/{id}/update":                  {domain.ManageDevices, withinTenant},
	"DELETE /devices/{id}/requests/{request_id}": {domain.ManageDevices, withinTenant},
	"POST /devices/{id}/log":                     {domain.ManageDevices, withinTenant},
	"GET /devices/{id}/logs":                     {domain.ManageDevices, withinTenant},
	"GET /devices/{id}/logs/{log_id}":            {domain.ManageDevices, withinTenant},
	"GET /devices/{id}/history":                  {domain.ReadLog, withinTenant},

	"GET /notices":            {domain.Read, withinTenant},
	"GET /notices/summary":    {domain.Read, withinTenant},
	"POST /notices/read":      {domain.Read, withinTenant},
	"POST /notices/{id}/read": {domain.Read, withinTenant},

	"GET /jobs":              {domain.Read, withinTenant},
	"GET /jobs/{id}":         {domain.Read, withinTenant},
	"GET /jobs/{id}/results": {domain.Read, withinTenant},
	"POST /jobs/{id}/undo":   {domain.ManageDevices, withinTenant},

	"GET /activities":        {domain.ReadLog, withinTenant},
	"GET /activities/export": {domain.ReadLog, withinTenant},
	"GET /activities/{id}":   {domain.ReadLog, withinTenant},
	"GET /audit/events":      {domain.ReadLog, tenantWide},

	"GET /reseller":       {domain.Read, tenantWide},
	"PATCH /reseller":     {domain.ManageReseller, tenantWide},
	"POST /resellers":     {domain.OperatePlatform, anyone},
	"GET /reseller/sync":  {domain.Read, tenantWide},
	"POST /reseller/sync": {domain.ManageDevices, tenantWide}, // it brings what the Reseller Portal says, nothing of the caller's

	"GET /reseller/conversion":  {domain.Read, tenantWide},
	"POST /reseller/conversion": {domain.ManageReseller, tenantWide},

	"GET /users":                  {domain.ManageUsers, withinTenant},
	"POST /users":                 {domain.ManageUsers, withinTenant},
	"GET /users/{id}":             {domain.ManageUsers, withinTenant},
	"DELETE /users/{id}":          {domain.ManageUsers, withinTenant},
	"PATCH /users/{id}":           {domain.ManageUsers, withinTenant},
	"POST /users/{id}/resend":     {domain.ManageUsers, withinTenant},
	"POST /users/{id}/deactivate": {domain.ManageUsers, withinTenant},
	"POST /users/{id}/reactivate": {domain.ManageUsers, withinTenant},

	"GET /me/profile":          {domain.ManageSelf, withinTenant},
	"PATCH /me/profile":        {domain.ManageSelf, withinTenant},
	"GET /me/filters":          {domain.ManageSelf, withinTenant},
	"POST /me/filters":         {domain.ManageSelf, withinTenant},
	"PATCH /me/filters/{id}":   {domain.ManageSelf, withinTenant},
	"DELETE /me/filters/{id}":  {domain.ManageSelf, withinTenant},
	"POST /me/readonly-link":   {domain.Read, withinTenant},
	"DELETE /me/readonly-link": {domain.ManageSelf, withinTenant},

	"GET /readonly/{secret}/dashboard": {domain.Read, byLink},
	"GET /readonly/{secret}/qr":        {domain.Read, byLink},

	"GET /webhooks":                 {domain.ManageReseller, tenantWide},
	"POST /webhooks":                {domain.ManageReseller, tenantWide},
	"PATCH /webhooks/{id}":          {domain.ManageReseller, tenantWide},
	"DELETE /webhooks/{id}":         {domain.ManageReseller, tenantWide},
	"POST /webhooks/{id}/secret":    {domain.ManageReseller, tenantWide},
	"POST /webhooks/{id}/test":      {domain.ManageReseller, tenantWide},
	"GET /webhooks/{id}/deliveries": {domain.ManageReseller, tenantWide},

	"GET /tokens":         {domain.ManageReseller, tenantWide},
	"POST /tokens":        {domain.ManageReseller, tenantWide},
	"DELETE /tokens/{id}": {domain.ManageReseller, tenantWide},
}

// errNoTenant is for who runs the installation and asks for what only a tenant has.
var errNoTenant = domain.ErrForbidden.With("This address is for callers who belong to a reseller.")

// permits refuses an actor whom a route is not for. What of the tenant he sees is decided where it is looked up.
func (a access) permits(actor domain.Actor) error {
	switch {
	case a.permission != "" && !actor.Role.Allows(a.permission):
		return domain.ErrForbidden
	case a.reach == anyone || a.reach == public:
		return nil
	case actor.Tenant == "":
		return errNoTenant
	case a.reach == tenantWide && actor.Customer != "":
		return domain.ErrForbidden
	}
	return nil
}

// endpoint is what is known of a route before a request comes.
type endpoint struct {
	access
	path      string
	item      *openapi3.PathItem
	operation *openapi3.Operation
	queries   map[string]bool // parameters that it takes; true: a comma list
	streams   bool            // it answers for as long as there is something to send
}

// endpointsOf joins the registered routes, the document and the table above, and refuses to start where they differ.
func endpointsOf(router *mux.Router, doc *openapi3.T) (map[string]*endpoint, error) {
	found := map[string]*endpoint{}
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return fmt.Errorf("route %s takes every method", path)
		}
		for _, method := range methods {
			e, err := newEndpoint(doc, method, path)
			if err != nil {
				return err
			}
			found[method+" "+path] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) != len(routes) || len(found) != operations(doc) {
		return nil, fmt.Errorf("%d routes are registered, %d have an access rule, %d are documented", len(found), len(routes), operations(doc))
	}
	return found, nil
}

func newEndpoint(doc *openapi3.T, method, template string) (*endpoint, error) {
	path := template[len(basePath):]
	rule, ok := routes[method+" "+path]
	if !ok {
		return nil, fmt.Errorf("route %s %s has no access rule", method, path)
	}
	item := doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil, fmt.Errorf("route %s %s is not in the document", method, path)
	}
	e := &endpoint{access: rule, path: path, item: item, operation: item.GetOperation(method), queries: map[string]bool{}}
	e.streams, _ = e.operation.Extensions["x-streams"].(bool)
	for _, p := range e.operation.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			e.queries[p.Value.Name] = p.Value.Explode != nil && !*p.Value.Explode
		}
	}
	return e, nil
}

func operations(doc *openapi3.T) int {
	n := 0
	for _, item := range doc.Paths.Map() {
		n += len(item.Operations())
	}
	return n
}

// template is the route that a request has met; empty if none.
func template(r *http.Request) string {
	if route := mux.CurrentRoute(r); route != nil {
		path, _ := route.GetPathTemplate() // empty for none
		return path
	}
	return ""
}
