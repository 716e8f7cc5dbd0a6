"""The command line: each command parses its options, calls one function and prints the result. The highest folder.

main       run, reproduce, report, list, fetch, export, import, verify, doctor
curves     compare and plot
train      train and its experiments
quantize   quantize and diagnose
parameters what options take, and the class of every command
tables     tables in the terminal; `forms` as LaTeX and Markdown
options    options that several commands have
"""
