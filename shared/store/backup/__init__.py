"""All that is on record, to a folder and back: rows, blobs and messages as storage has them, whatever they mean.

`values` writes a row as JSON, `places` are the tables, containers and queues, `folder` is where a backup lies, `taking`
and `restoring` go from one to the other. Only the administrator's command line comes here.
"""
