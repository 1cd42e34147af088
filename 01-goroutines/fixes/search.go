package exercise

import "sync"

// An Offer is what one shop asks for a product.
type Offer struct {
	Shop  string
	Cents int
}

// A Shop is a partner's price service. An answer can have any number of offers.
type Shop func(product string) []Offer

// Search asks all shops at the same time and returns all their offers, in any order.
func Search(product string, shops []Shop) []Offer {
	var offers []Offer
	var wg sync.WaitGroup
	for _, shop := range shops {
		wg.Go(func() {
			// TODO: on a busy day some offers are missing from the page.
			offers = append(offers, shop(product)...)
		})
	}
	wg.Wait()
	return offers
}
