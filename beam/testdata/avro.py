"""Writes types.avro, a file of rows of all types by fastavro 1.13: pip install fastavro; python avro.py"""
import datetime, decimal, pathlib
import fastavro

utc = datetime.timezone.utc
schema = {"type": "record", "name": "row", "namespace": "shop", "fields": [
    {"name": "name", "type": "string"},
    {"name": "kind", "type": ["null", {"type": "enum", "name": "kind", "symbols": ["NA", "b"]}]},
    {"name": "again", "type": ["kind", "null"]},
    {"name": "size", "type": "double"},
    {"name": "half", "type": ["null", "float"]},
    {"name": "count", "type": "long"},
    {"name": "small", "type": "int"},
    {"name": "yes", "type": ["null", "boolean"]},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    {"name": "fine", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "here", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
    {"name": "price", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}]},
    {"name": "deep", "type": {"type": "fixed", "size": 4, "name": "deep", "logicalType": "decimal", "precision": 9, "scale": 1}},
    {"name": "raw", "type": "bytes"},
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
]}
one = dict(
    name='x, "y"\nz', kind="NA", again="b", size=0.1, half=0.5, count=2**63 - 1, small=-1, yes=True,
    day=datetime.date(2024, 2, 29), at=datetime.datetime(2024, 2, 29, 12, 0, 0, 5000, utc),
    fine=datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, utc), here=datetime.datetime(2024, 2, 29, 12, 0, 0, 5000),
    price=decimal.Decimal("-12.05"), deep=decimal.Decimal("25.6"), raw=b"abc", id="3f9a1a52-9f2c-4b4c-8f3e-6e0a7d6c1b2a")
two = dict(
    name="", kind=None, again=None, size=float("nan"), half=None, count=0, small=0, yes=None,
    day=datetime.date(1969, 12, 31), at=None, fine=datetime.datetime(1970, 1, 1, tzinfo=utc), here=datetime.datetime(1970, 1, 1),
    price=None, deep=decimal.Decimal("-1.1"), raw=b"", id="")
rows = [one, two, one]
with open(pathlib.Path(__file__).parent / "types.avro", "wb") as f:
    fastavro.writer(f, schema, rows, codec="deflate", sync_interval=1, sync_marker=b"0123456789abcdef")
