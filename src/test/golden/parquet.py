"""Parquet files as the data sets of Hugging Face are written, and the texts in them.

    python3 src/test/golden/parquet.py  # needs pyarrow; a second

Writes src/test/resources/golden/parquet/:
  snappy.parquet, zstd.parquet, gzip.parquet, none.parquet: the same texts packed in these ways, in pages and groups of few rows,
    beside numbers, a struct and lists; lz4.parquet: packed in a way that is not read;
  repeated.parquet: texts as a dictionary; content.parquet: one column of strings under another name;
  two.parquet: two columns of strings, none of them `text`; numbers.parquet: none;
  texts.json: the texts, null where a row has none.
"""

import json
import pathlib

import pyarrow
import pyarrow.parquet

OUT = pathlib.Path(__file__).resolve().parents[1] / "resources" / "golden" / "parquet"
TEXTS = ["Kobe Bryant a golf.", "", None, "Kobe\n Bryant. \u00dcbung \u2013 na\u00efve \U0001f3cc", "Kobe. " * 2000, *["Kobe golf."] * 700, "Bryant."]


def write(name, columns, **how):
    pyarrow.parquet.write_table(pyarrow.table(columns), OUT / f"{name}.parquet", **how)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "texts.json").write_text(json.dumps(TEXTS) + "\n")
    count = len(TEXTS)
    columns = {
        "id": list(range(count)), "meta": [{"url": f"u{i % 3}"} for i in range(count)],
        "tags": [["a", "b"][:i % 3] for i in range(count)], "text": TEXTS}
    for codec in ("snappy", "zstd", "gzip", "none", "lz4"):
        write(codec, columns, compression=codec, row_group_size=300, data_page_size=1024)
    write("repeated", {"text": pyarrow.array(["Kobe", "golf", "Kobe", None]).dictionary_encode()})
    write("content", {"content": ["Kobe", "golf"], "id": [1, 2], "tags": [["x"], []]})
    write("two", {"question": ["Kobe"], "answers": ["golf"], "tags": [["x"]], "id": [1]})
    write("numbers", {"text": [1, 2]})


main()
