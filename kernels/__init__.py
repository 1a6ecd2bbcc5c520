"""The compiled core: integers and arrays only, no I/O, nothing from the rest of the package."""
