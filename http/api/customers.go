package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/eventstore"
	"avportal/projections/licenses"
	"avportal/projections/page"
)

func (s *server) ListCustomers(ctx context.Context, r ListCustomersRequestObject) (ListCustomersResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, licensesView, devicesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	sort, descending := order(value(p.Sort))
	f := licenses.CustomerFilter{Search: value(p.Q), Sort: licenses.CustomerSort(sort), Descending: descending}
	list, err := licenses.Customers(ctx, v.db, c.scope(), f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	body := CustomerList{Items: each(list.Items, customerOf), NextCursor: some(list.Next)}
	if value(p.Count) {
		total, err := licenses.TotalCustomers(ctx, v.db, c.scope(), f)
		if err != nil {
			return nil, err
		}
		body.Total = &total
	}
	return ListCustomers200JSONResponse{body, ListCustomers200ResponseHeaders{position(v.position)}}, nil
}

func (s *server) GetCustomer(ctx context.Context, r GetCustomerRequestObject) (GetCustomerResponseObject, error) {
	c, id := callOf(ctx), domain.CustomerID(r.Id)
	var found licenses.Customer
	h, err := s.object(ctx, licensesView, customer.Stream(c.actor.Tenant, id), func(v reading) (at eventstore.Position, err error) {
		if at, err = v.reached(ctx, licensesView); err == nil {
			found, err = licenses.GetCustomer(ctx, v.db, c.scope(), id)
		}
		return at, err
	})
	if err != nil {
		return nil, err
	}
	return GetCustomer200JSONResponse{customerOf(found), GetCustomer200ResponseHeaders(h)}, nil
}

func customerOf(c licenses.Customer) Customer {
	return Customer{
		Id: string(c.ID), Name: c.Name, Number: c.Number, Licenses: c.Licenses, Devices: c.Devices, InfectedDevices: c.Infected,
	}
}

func (s *server) ImportCustomer(ctx context.Context, r ImportCustomerRequestObject) (ImportCustomerResponseObject, error) {
	c := callOf(ctx)
	rq := c.request()
	id := domain.CustomerID(value(r.Body.Id))
	if id == "" {
		id = domain.CustomerID(rq.NewID("customer").String())
	}
	res, err := commands.Do[customer.State](ctx, s.Commands, rq, customer.Import{
		Tenant: c.actor.Tenant, Customer: id, Name: r.Body.Name, Number: value(r.Body.Number), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := created("/customers/", id, res)
	if isNew(res) {
		return ImportCustomer201JSONResponse{body, ImportCustomer201ResponseHeaders(h)}, nil
	}
	return ImportCustomer200JSONResponse{body, ImportCustomer200ResponseHeaders(h)}, nil
}

func (s *server) ChangeCustomer(ctx context.Context, r ChangeCustomerRequestObject) (ChangeCustomerResponseObject, error) {
	c := callOf(ctx)
	res, err := commands.Do[customer.State](ctx, s.Commands, c.request(), customer.Rename{
		Tenant: c.actor.Tenant, Customer: domain.CustomerID(r.Id), Name: r.Body.Name, At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(r.Id, res)
	return ChangeCustomer200JSONResponse{body, ChangeCustomer200ResponseHeaders(h)}, nil
}

// requireCustomer refuses a customer whom the caller's reseller does not have. It is for callers who see all of these.
func (s *server) requireCustomer(ctx context.Context, id domain.CustomerID) error {
	c := callOf(ctx)
	visible := false
	err := commands.Inspect(ctx, s.Commands, customer.Stream(c.actor.Tenant, id), func(st customer.State, _ eventstore.Revision) {
		visible = st.Exists()
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	return err
}
