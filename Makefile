# 毕方：make run 启动演示，make test 跑测试；只需要 Python ≥ 3.11（带 venv）和 make。
.DEFAULT_GOAL := help
.PHONY: help run test test-all test-outside test-everything coverage lint bench eval importer-check screenshots clean lock sbom bundle arm-wheels pin-images chaos install install-dev

VENV ?= .venv
python := $(VENV)/bin/python
# Twice the cores of the smallest CI machine: most tests wait for a process, a browser, a broker or a time.
TEST_PROCESSES ?= 4
# What to run; with a path, all that is there, whichever target it belongs to.
TESTS ?= tests
all := $(filter tests,$(TESTS))
pytest = $(python) -m $(if $(COVERAGE),coverage run -m )pytest
side_by_side := -n $(TEST_PROCESSES) --dist worksteal

# The one place that says what `check --deploy` is run with: a server behind HTTPS.
deploy_env := BIFANG_HTTPS=1 DJANGO_DEBUG=0 DJANGO_ALLOWED_HOSTS=bifang.example.com BIFANG_SIMULATOR=0

help: ## 显示这份说明
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done
	@echo '  变量：PORT=8000 SIM_PORT=8910 SYSLOG_PORT=5514 FEISHU=1 PYTHON=python3.12 VENV=.venv PIP_INDEX_URL=… TESTS=tests/core'

run: install ## 安装并启动演示：网页、Stream 工作进程、后台任务、Syslog 接收、钉钉模拟器；FEISHU=1 加上飞书（Ctrl-C 停止）
	@exec $(python) -m deploy.local

test: install-dev ## 跑测试：每个对外入口的全部行为，几分钟（TESTS=路径 跑那里的全部）
	@$(pytest) $(side_by_side) $(if $(all),-m 'not slow and not outside') $(TESTS)

test-all: install-dev ## 跑 make test 没跑的：耗时的进程、接管、故障与语料测试，PostgreSQL 上的第二遍
	@$(pytest) $(side_by_side) $(if $(all),-m 'slow and not outside') $(TESTS)

test-outside: install-dev ## 跑需要 Chromium、Node 或消息中间件的；没有安装的算失败
	@$(pytest) $(side_by_side) $(if $(all),-m outside) $(TESTS)

test-everything: install-dev ## 一次跑完以上三样，CI 这样跑：一次收集、一份模板（MARKED='not outside'：没有那些程序）
	@$(pytest) $(side_by_side) $(if $(MARKED),-m '$(MARKED)') $(TESTS)

coverage: install-dev ## 报告分支覆盖率，在 make test COVERAGE=1 之后
	@$(python) -m coverage combine -q; $(python) -m coverage report

lint: install-dev ## 静态检查：ruff、mypy、import-linter、vulture、迁移、部署检查
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(VENV)/bin/lint-imports
	$(python) -m vulture
	$(python) manage.py makemigrations --check --dry-run
	$(deploy_env) $(python) manage.py check --deploy --fail-level WARNING

bench: install-dev ## 性能对比（结果与说明见 docs/benchmarks.md）
	@status=0; for file in tests/bench/bench_*.py; do \
	  $(python) -m tests.bench.$$(basename $$file .py) || status=1; done; exit $$status

eval: install-dev ## 用评测集衡量回答：离线模式，和一个模型（MODEL=配置名称，JSON=评分表.json，EVAL='--sample 20 …'；见 docs/evaluation.md）
	@exec $(python) -m tests.secops.eval $(if $(MODEL),--model '$(MODEL)') $(if $(JSON),--json '$(JSON)') $(EVAL)

importer-check: install ## 逐条说明一个文件读懂了什么，不写入数据（FILE=文件，FORMAT=格式，默认自动识别；见 docs/importers.md）
	@test -n "$(FILE)" || { echo '请写明文件：make importer-check FILE=alerts.json'; exit 2; }
	@exec $(python) manage.py importer_check '$(or $(FORMAT),auto)' '$(FILE)'

screenshots: install-dev ## 重新拍 docs/pictures/ 里的图片：启动演示，用 Chromium 打开各页
	@exec $(python) -m tests.pictures

lock: ## 按 requirements*.txt 写出 requirements*.lock：全部版本与校验和（改了依赖之后执行）
	@sh deploy/local/lock.sh

sbom: install ## 写出 dist/ 里的软件物料清单（CycloneDX）和许可证清单
	@exec $(python) -m deploy.release.sbom dist

bundle: install ## 做离线安装包 dist/bifang-版本-….tar.gz：程序、全部 wheel、校验和、许可证，安装不用网络
	@sh deploy/release/bundle.sh $(python) dist

arm-wheels: install ## 锁定的每个包都有 arm64 的 wheel 吗（要连得上软件源）
	@sh deploy/release/arm_wheels.sh $(python)

pin-images: install ## 把 deploy/docker 里基础镜像的摘要写进去（要连得上镜像仓库；REGISTRY=镜像站）
	@exec $(python) -m deploy.release.images $(REGISTRY)

chaos: install-dev ## 一边提问和送告警，一边随机弄坏各样东西，最后逐条核对（CHAOS_SECONDS=600）
	@exec $(python) -m tests.chaos

clean: ## 删除虚拟环境、缓存与测试产物（保留 var/ 与 logs/ 中的数据）
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install:
	@PYTHON='$(PYTHON)' sh deploy/local/install.sh $(VENV) requirements.txt

install-dev:
	@PYTHON='$(PYTHON)' sh deploy/local/install.sh $(VENV) requirements-dev.txt
