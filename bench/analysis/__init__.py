"""From numbers to statements: floats in, floats out; reads no clock and no file."""
