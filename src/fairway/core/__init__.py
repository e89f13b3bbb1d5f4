"""The sans-I/O heart: values in, values out; no clock, no asyncio, no driver."""
