"""The libraries that compute, set up and asked the same way, whichever framework drives them."""
