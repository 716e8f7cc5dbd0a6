"""The command line: each command parses its options, calls one function and prints the result.

main       the group of commands, and errors as one line
list_, fetch, run, reproduce, report, verify, export, import_, merge, doctor, compare, plot, train, diagnose, quantize
           one command each
parameters types of options, and the class of all commands
options    options of several commands
process    threads of libraries, and exit code
tables     tables in the terminal, as LaTeX and as Markdown

The bottom folder of the hierarchy: no other folder imports it.
"""
