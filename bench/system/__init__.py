"""General infrastructure: errors, files, downloads, progress, interruption, allocator, provenance.

errors         exceptions with one-line messages for the user
wording        counts and lists of names in messages
files          atomic writes, hashes, folders
csv_files      CSV files that are safe to open in a spreadsheet and can be read back unchanged
latex          escaping of text for LaTeX
manifest       lists of the files that bench has written to a folder
download       downloads that resume and are verified
environment    environment variables, threads and cores of this process
worker_process a child process that executes calls within limits
tools          external programs, killed with their children on a timeout
interruption   SIGINT (Ctrl-C) and SIGTERM
progress       progress bars
allocator      settings of the C library's memory allocator
provenance     commit, packages and machine

The top folder of the hierarchy: it imports only the version from bench, and all other folders may import it.
"""
