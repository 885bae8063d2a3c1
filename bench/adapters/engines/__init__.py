"""The libraries that compute (JAX, TensorFlow, torch), with one interface for every framework that drives them."""
