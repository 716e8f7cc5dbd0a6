"""What any program needs: errors, files, downloads, progress, interruption, memory, provenance. The lowest folder.

errors         the exceptions of bench: one line for the user, no traceback
files          atomic writes, hashes, folders
csv_files      CSV files that a spreadsheet can open, and that are read back as they were
latex          text in LaTeX's writing
manifest       lists of the files that bench wrote into a folder
download       downloads that resume and are verified
environment    environment variables and cores of this process
interruption   Ctrl-C and SIGTERM: stop at the next safe point
progress       progress bars
memory         how freed memory is kept
provenance     commit, packages and machine

Imports nothing of bench but its version. Every other folder may import it.
"""
