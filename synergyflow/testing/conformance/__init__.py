"""Exams for adapters, as classes of tests to be subclassed: one hook makes the adapter, attributes say what it can do.

from synergyflow.testing.conformance.clusters import ClusterExam

class TestMyCluster(ClusterExam):
    def make_cluster(self, folder):
        return MyCluster(...)
"""
