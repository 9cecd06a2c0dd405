"""An open-loop load generator that tells bad answers from lost requests.

``python -m tests.load --url http://10.96.0.7 --rate 50`` sends chat completions on an absolute schedule, whether or not
earlier ones were answered, over new connections and over kept-alive ones, without any retry.
"""
