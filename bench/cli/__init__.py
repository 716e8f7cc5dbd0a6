"""The command line: each command parses its options, calls one function and prints the result. The highest folder.

main       the group of commands, errors in one line
list_, fetch, run, reproduce, report, verify, export, import_, merge, doctor, compare, plot, train, diagnose, quantize
           one command each
parameters what options take, and the class of every command
options    options that several commands have
process    threads of libraries, and the exit code
tables     tables in the terminal; `forms` as LaTeX and Markdown
"""
