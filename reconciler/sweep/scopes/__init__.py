"""One sweep divided into scopes: an account in a region each, wherever they are worked on."""
