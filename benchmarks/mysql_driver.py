"""MySQLdb as Django knows it: mysqlclient, or PyMySQL in its place where that isn't there."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("MySQLdb") is None:
    import pymysql

    pymysql.install_as_MySQLdb()

import MySQLdb

__all__ = ["MySQLdb"]
