"""ViTPose weights from elsewhere: read, renamed, checked and kept in a file of ours. See :mod:`glsmamba.vitpose.importing`."""
