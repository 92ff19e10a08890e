"""`make fuzz`: edit mutated photos of every format.

| module | content |
|---|---|
| samples | the photos that are mutated |
| parts | split a photo into segments, chunks, entries or boxes, and join them with right lengths and checksums |
| mutate | change one or several of the parts, or bytes of the whole |
| check | edit a mutant, and check the promises about the result |
| decoders | the decoders that are compared with Pillow |
| __main__ | the loop: guided by coverage with atheris where it is installed, else random |
"""
