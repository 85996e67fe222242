"""The cases, one module each: `measure(meter, size)`."""
