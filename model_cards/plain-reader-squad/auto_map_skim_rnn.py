"""Names of the classes in this folder, readable without torch."""

AUTO_MAP = {
    "AutoConfig": "configuration_skim_rnn.SkimRNNConfig",
    "AutoModel": "modeling_skim_rnn.SkimRNNModel",
    "AutoModelForQuestionAnswering": "question_skim_rnn.SkimRNNForQuestionAnswering",
    "AutoModelForSequenceClassification": "modeling_skim_rnn.SkimRNNForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_skim_rnn.SkimRNNForTokenClassification",
}
"""Where a saved folder finds each class without this package: all of them, not only the one saved."""
