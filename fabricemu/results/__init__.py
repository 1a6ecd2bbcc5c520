"""The HDF5 result file: schema, writer, reader."""
