"""The command line: each command parses its options, calls one function and prints the result. The highest folder.

main       run, reproduce, report, compare, list, fetch, export, import, verify, doctor
train      train and its experiments
quantize   quantize and diagnose
parameters what options take, and the class of every command
tables     tables in the terminal
"""
