import bifang.core.secrets.sealed
import datetime
import django.core.validators
import django.db.models.deletion
import secops_agent.models.alerting.notification
from django.conf import settings
from django.db import OperationalError, migrations, models, transaction


# Yuan per million tokens (input, output, cached input) of Alibaba Cloud's lists, lowest tier; a start, editable in the admin.
PRICES = {
    "qwen-turbo": ("0.3", "0.6", "0.06"),
    "qwen-flash": ("0.15", "1.5", "0.03"),
    "qwen-plus": ("0.8", "2", "0.16"),
    "qwen-max": ("2.4", "9.6", "0.48"),
    "qwen-long": ("0.5", "2", "0.5"),
    "qwen3-max": ("3.2", "12.8", "0.64"),
    "qwen-vl-plus": ("0.8", "2", "0.16"),
    "qwen-vl-max": ("1.6", "4", "0.32"),
}


def add_prices(apps, schema_editor):
    ModelPrice = apps.get_model("secops_agent", "ModelPrice")
    for prefix, (given, taken, cached) in PRICES.items():
        ModelPrice.objects.create(prefix=prefix, input_price=given, output_price=taken, cached_price=cached)


TABLE = "secops_agent_alertwords"


def create_words(apps, editor):
    """The index behind keyword search: no model, since the two databases keep it in different shapes."""
    if editor.connection.vendor == "postgresql":
        editor.execute(
            f"CREATE TABLE {TABLE} (alert_id bigint PRIMARY KEY REFERENCES secops_agent_alert (id) "
            "ON DELETE CASCADE, words tsvector NOT NULL)"
        )
        # A short list of pending entries: every search reads it.
        editor.execute(f"CREATE INDEX alert_words ON {TABLE} USING gin (words) WITH (gin_pending_list_limit = 512)")
        return
    try:
        with transaction.atomic(editor.connection.alias):
            editor.execute(f"CREATE VIRTUAL TABLE {TABLE} USING fts5(words, content='', detail=none, tokenize='ascii')")
    except OperationalError:  # an SQLite without FTS5: searches read the alerts themselves
        pass


def drop_words(apps, editor):
    editor.execute(f"DROP TABLE IF EXISTS {TABLE}")


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('core', '0001_first_release'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(editable=False, max_length=32, unique=True)),
                ('source', models.CharField(max_length=60, verbose_name='来源')),
                ('dedup_key', models.CharField(blank=True, default='', max_length=500, verbose_name='去重键')),
                ('rule_id', models.CharField(blank=True, default='', max_length=200, verbose_name='规则编号')),
                ('rule_name', models.CharField(blank=True, default='', max_length=300, verbose_name='规则')),
                ('title', models.CharField(max_length=500, verbose_name='标题')),
                ('description', models.TextField(blank=True, default='', verbose_name='说明')),
                ('severity', models.CharField(choices=[('critical', '严重'), ('high', '高危'), ('medium', '中危'), ('low', '低危'), ('info', '信息')], max_length=10, verbose_name='级别')),
                ('confidence', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='置信度')),
                ('status', models.CharField(choices=[('open', '未处理'), ('acknowledged', '处理中'), ('closed', '已关闭')], default='open', max_length=12, verbose_name='状态')),
                ('verdict', models.CharField(blank=True, choices=[('true_positive', '真实攻击'), ('false_positive', '误报'), ('benign', '正常行为'), ('duplicate', '重复')], default='', max_length=16, verbose_name='结论')),
                ('techniques', models.JSONField(blank=True, default=list, verbose_name='ATT&CK 技术')),
                ('references', models.JSONField(blank=True, default=list, verbose_name='参考链接')),
                ('first_seen', models.DateTimeField(verbose_name='首次发生')),
                ('last_seen', models.DateTimeField(verbose_name='最近发生')),
                ('count', models.PositiveBigIntegerField(default=1, verbose_name='次数')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='处理时限')),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True, verbose_name='确认时间')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='关闭时间')),
                ('closed_by_source', models.BooleanField(default=False, editable=False)),
                ('closed_count', models.PositiveBigIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField(verbose_name='入库时间')),
            ],
            options={
                'verbose_name': '告警',
                'verbose_name_plural': '告警',
                'ordering': ['-last_seen', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asset_type', models.CharField(choices=[('host', '主机'), ('container_image', '容器镜像'), ('repository', '代码仓库'), ('application', '应用'), ('account', '账号'), ('website', '网站'), ('network', '网络设备'), ('cloud', '云资源'), ('other', '其他')], max_length=20, verbose_name='类型')),
                ('name', models.CharField(max_length=300, verbose_name='名称')),
                ('ips', models.JSONField(blank=True, default=list, verbose_name='IP 地址')),
                ('owner_text', models.CharField(blank=True, default='', max_length=200, verbose_name='来源中的负责人')),
                ('importance', models.CharField(blank=True, choices=[('critical', '核心'), ('high', '高'), ('medium', '中'), ('low', '低'), ('info', '很低')], default='', max_length=10, verbose_name='重要性')),
                ('tags', models.JSONField(blank=True, default=list, verbose_name='标签')),
                ('environment', models.CharField(blank=True, default='', max_length=50, verbose_name='环境')),
                ('description', models.TextField(blank=True, default='', verbose_name='说明')),
                ('sources', models.JSONField(blank=True, default=list, verbose_name='来源')),
                ('locked', models.JSONField(blank=True, default=list, editable=False)),
                ('first_seen', models.DateTimeField(verbose_name='首次发现')),
                ('last_seen', models.DateTimeField(verbose_name='最近发现')),
            ],
            options={
                'verbose_name': '资产',
                'verbose_name_plural': '资产',
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='AuditSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True, verbose_name='序号')),
                ('day', models.DateField(verbose_name='日期')),
                ('previous', models.CharField(max_length=64, verbose_name='上一段摘要')),
                ('digest', models.CharField(max_length=64, verbose_name='摘要')),
                ('seal', bifang.core.secrets.sealed.SealedField(blank=True, null=True)),
                ('count', models.PositiveIntegerField(default=0, verbose_name='条数')),
                ('first_id', models.BigIntegerField(null=True, verbose_name='首条编号')),
                ('last_id', models.BigIntegerField(null=True, verbose_name='末条编号')),
                ('opened_at', models.DateTimeField(verbose_name='开始时间')),
                ('sealed_at', models.DateTimeField(verbose_name='最近封存')),
                ('closed', models.BooleanField(default=False, verbose_name='已封存')),
                ('dropped_at', models.DateTimeField(blank=True, null=True, verbose_name='清除时间')),
            ],
            options={
                'verbose_name': '审计封存段',
                'verbose_name_plural': '审计封存段',
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='CalendarDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('date', models.DateField(unique=True, verbose_name='日期')),
                ('working', models.BooleanField(verbose_name='上班')),
                ('name', models.CharField(blank=True, default='', max_length=50, verbose_name='名称')),
            ],
            options={
                'verbose_name': '节假日与调休',
                'verbose_name_plural': '节假日与调休',
                'ordering': ['date'],
            },
        ),
        migrations.CreateModel(
            name='EpssScore',
            fields=[
                ('cve', models.CharField(max_length=30, primary_key=True, serialize=False, verbose_name='CVE')),
                ('epss', models.FloatField(verbose_name='EPSS')),
                ('percentile', models.FloatField(blank=True, null=True, verbose_name='百分位')),
                ('date', models.DateTimeField(blank=True, null=True, verbose_name='日期')),
            ],
            options={
                'verbose_name': 'EPSS',
                'verbose_name_plural': 'EPSS',
            },
        ),
        migrations.CreateModel(
            name='ModelPrice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(max_length=100, unique=True, verbose_name='模型名（前缀）')),
                ('input_price', models.DecimalField(decimal_places=4, max_digits=10, verbose_name='输入（元/百万 token）')),
                ('output_price', models.DecimalField(decimal_places=4, max_digits=10, verbose_name='输出（元/百万 token）')),
                ('cached_price', models.DecimalField(decimal_places=4, max_digits=10, verbose_name='缓存命中的输入（元/百万 token）')),
            ],
            options={
                'verbose_name': '模型价格',
                'verbose_name_plural': '模型价格',
                'ordering': ['prefix'],
            },
        ),
        migrations.CreateModel(
            name='NotificationRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='名称')),
                ('enabled', models.BooleanField(default=True, verbose_name='启用')),
                ('conditions', models.JSONField(blank=True, default=dict, verbose_name='条件')),
                ('hours', models.JSONField(blank=True, default=dict, verbose_name='时间')),
                ('escalate', models.JSONField(blank=True, default=list, verbose_name='升级')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(blank=True, null=True, verbose_name='最近错误时间')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='修改时间')),
            ],
            options={
                'verbose_name': '通知规则',
                'verbose_name_plural': '通知规则',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='OnCallSchedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='名称')),
                ('enabled', models.BooleanField(default=True, verbose_name='启用')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
            ],
            options={
                'verbose_name': '值班表',
                'verbose_name_plural': '值班表',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Runbook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200, unique=True, verbose_name='标题')),
                ('tags', models.JSONField(blank=True, default=list, verbose_name='标签')),
                ('techniques', models.JSONField(blank=True, default=list, verbose_name='ATT&CK 技术')),
                ('body', models.TextField(verbose_name='正文（Markdown）')),
                ('created_at', models.DateTimeField(verbose_name='创建时间')),
                ('updated_at', models.DateTimeField(verbose_name='修改时间')),
            ],
            options={
                'verbose_name': '处置手册',
                'verbose_name_plural': '处置手册',
                'ordering': ['title', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SlaTarget',
            fields=[
                ('severity', models.CharField(choices=[('critical', '严重'), ('high', '高危'), ('medium', '中危'), ('low', '低危'), ('info', '信息')], max_length=10, primary_key=True, serialize=False, verbose_name='级别')),
                ('alert_hours', models.PositiveIntegerField(blank=True, null=True, verbose_name='告警处理时限（小时）')),
                ('finding_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='漏洞修复时限（天）')),
            ],
            options={
                'verbose_name': '处理时限',
                'verbose_name_plural': '处理时限',
            },
        ),
        migrations.CreateModel(
            name='AlertPayload',
            fields=[
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='payload', serialize=False, to='secops_agent.alert')),
                ('raw', models.JSONField(default=dict, verbose_name='原始事件')),
            ],
            options={
                'verbose_name': '原始事件',
                'verbose_name_plural': '原始事件',
            },
        ),
        migrations.CreateModel(
            name='AlertMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('destination', models.CharField(max_length=32)),
                ('group_key', models.CharField(max_length=32)),
                ('kind', models.CharField(choices=[('group', '告警'), ('storm', '告警风暴'), ('digest', '汇总'), ('escalation', '升级')], default='group', max_length=10, verbose_name='种类')),
                ('state', models.CharField(choices=[('waiting', '待发送'), ('shown', '已发送'), ('held', '已合并或留存'), ('undeliverable', '无法送达'), ('ended', '已结束')], default='waiting', max_length=14, verbose_name='状态')),
                ('wanted', models.PositiveIntegerField(default=1)),
                ('shown', models.PositiveIntegerField(default=0)),
                ('opened_at', models.DateTimeField(verbose_name='开始')),
                ('due_at', models.DateTimeField(verbose_name='最早发送时间')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='最近发送')),
                ('digest', models.CharField(blank=True, default='', max_length=32)),
                ('reason', models.CharField(blank=True, default='', max_length=300, verbose_name='原因')),
                ('summary', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='held', to='secops_agent.alertmessage')),
            ],
            options={
                'verbose_name': '告警消息',
                'verbose_name_plural': '告警消息',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='AlertMessageItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='secops_agent.alert')),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='secops_agent.alertmessage')),
            ],
            options={
                'verbose_name': '消息中的告警',
                'verbose_name_plural': '消息中的告警',
            },
        ),
        migrations.AddField(
            model_name='alertmessage',
            name='alerts',
            field=models.ManyToManyField(related_name='messages', through='secops_agent.AlertMessageItem', to='secops_agent.alert', verbose_name='告警'),
        ),
        migrations.CreateModel(
            name='AlertTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('span', models.CharField(max_length=1)),
                ('dimension', models.CharField(max_length=10)),
                ('start', models.DateTimeField()),
                ('value', models.CharField(max_length=200)),
                ('count', models.BigIntegerField()),
            ],
            options={
                'verbose_name': '告警计数',
                'verbose_name_plural': '告警计数',
                'indexes': [models.Index(condition=models.Q(('count', 0)), fields=['id'], name='alert_tally_empty')],
                'constraints': [models.UniqueConstraint(fields=('dimension', 'span', 'start', 'value'), name='alert_tally_once')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='名称')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('hint', models.CharField(editable=False, max_length=12, verbose_name='令牌开头')),
                ('scopes', models.JSONField(default=list, verbose_name='权限范围')),
                ('rate', models.PositiveIntegerField(default=3000, verbose_name='每分钟请求数上限')),
                ('created_at', models.DateTimeField(editable=False, verbose_name='创建时间')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='到期时间')),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='最近使用')),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='吊销时间')),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='归属用户')),
            ],
            options={
                'verbose_name': 'API 令牌',
                'verbose_name_plural': 'API 令牌',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='AlertAsset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('alert', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='asset_links', to='secops_agent.alert')),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_links', to='secops_agent.asset')),
            ],
            options={
                'verbose_name': '告警资产',
                'verbose_name_plural': '告警资产',
            },
        ),
        migrations.AddField(
            model_name='alert',
            name='assets',
            field=models.ManyToManyField(related_name='alerts', through='secops_agent.AlertAsset', to='secops_agent.asset', verbose_name='资产'),
        ),
        migrations.CreateModel(
            name='AssetKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20, verbose_name='种类')),
                ('value', models.CharField(max_length=500, verbose_name='值')),
                ('identity', models.CharField(blank=True, max_length=540, null=True, unique=True)),
                ('asset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='secops_agent.asset')),
            ],
            options={
                'verbose_name': '资产标识',
                'verbose_name_plural': '资产标识',
            },
        ),
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='时间')),
                ('kind', models.CharField(choices=[('message', '消息'), ('decision', '判定'), ('tool', '工具调用'), ('proposal', '提议'), ('approval', '审批'), ('action', '动作'), ('reply', '回复'), ('change', '变更')], max_length=10, verbose_name='种类')),
                ('what', models.CharField(max_length=60, verbose_name='事项')),
                ('actor_kind', models.CharField(choices=[('person', '人员'), ('token', 'API 令牌'), ('system', '系统')], max_length=8, verbose_name='操作者类型')),
                ('actor_id', models.CharField(blank=True, default='', max_length=220, verbose_name='操作者编号')),
                ('actor_name', models.CharField(blank=True, default='', max_length=200, verbose_name='操作者')),
                ('via', models.CharField(blank=True, default='', max_length=60, verbose_name='途径')),
                ('config_id', models.BigIntegerField(null=True, verbose_name='配置')),
                ('conversation_id', models.CharField(blank=True, default='', max_length=200, verbose_name='会话')),
                ('inbox_id', models.BigIntegerField(null=True, verbose_name='消息编号')),
                ('subject', models.CharField(blank=True, default='', max_length=120, verbose_name='对象')),
                ('text', models.TextField(blank=True, default='', verbose_name='内容')),
                ('detail', models.JSONField(default=dict, verbose_name='数据')),
                ('position', models.PositiveIntegerField(null=True, verbose_name='段内序号')),
                ('segment', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='secops_agent.auditsegment', verbose_name='封存段')),
            ],
            options={
                'verbose_name': '审计记录',
                'verbose_name_plural': '审计记录',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Component',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(editable=False, max_length=32, unique=True)),
                ('name', models.CharField(max_length=300, verbose_name='名称')),
                ('version', models.CharField(blank=True, default='', max_length=200, verbose_name='版本')),
                ('purl', models.CharField(blank=True, default='', max_length=1000, verbose_name='purl')),
                ('component_type', models.CharField(blank=True, default='', max_length=50, verbose_name='类型')),
                ('ecosystem', models.CharField(blank=True, default='', max_length=30, verbose_name='生态')),
                ('package', models.CharField(blank=True, default='', max_length=300, verbose_name='软件包')),
                ('source_package', models.CharField(blank=True, default='', max_length=300, verbose_name='源码包')),
                ('distro', models.CharField(blank=True, default='', max_length=60, verbose_name='发行版')),
                ('location', models.CharField(blank=True, default='', max_length=500, verbose_name='位置')),
                ('licenses', models.JSONField(blank=True, default=list, verbose_name='许可证')),
                ('active', models.BooleanField(default=True, verbose_name='仍存在')),
                ('source', models.CharField(blank=True, default='', max_length=60, verbose_name='来源')),
                ('first_seen', models.DateTimeField(verbose_name='首次发现')),
                ('last_seen', models.DateTimeField(verbose_name='最近发现')),
                ('asset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='components', to='secops_agent.asset', verbose_name='资产')),
            ],
            options={
                'verbose_name': '组件',
                'verbose_name_plural': '组件',
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ConversationMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32)),
                ('role', models.CharField(choices=[('user', '人'), ('assistant', '毕方')], max_length=10, verbose_name='角色')),
                ('speaker', models.CharField(blank=True, default='', max_length=100, verbose_name='说话人')),
                ('author', models.CharField(blank=True, db_default='', default='', max_length=220, verbose_name='说话人 ID')),
                ('content', models.TextField(verbose_name='内容')),
                ('created_at', models.DateTimeField(verbose_name='时间')),
            ],
            options={
                'verbose_name': '会话记忆',
                'verbose_name_plural': '会话记忆',
                'indexes': [models.Index(fields=['key', 'id'], name='memory_key'), models.Index(fields=['created_at'], name='memory_created')],
            },
        ),
        migrations.CreateModel(
            name='DemoObject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entity', models.CharField(max_length=20)),
                ('entity_id', models.BigIntegerField()),
            ],
            options={
                'verbose_name': '演示数据',
                'verbose_name_plural': '演示数据',
                'constraints': [models.UniqueConstraint(fields=('entity', 'entity_id'), name='demo_object_once')],
            },
        ),
        migrations.CreateModel(
            name='History',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entity', models.CharField(max_length=20, verbose_name='对象')),
                ('entity_id', models.BigIntegerField(verbose_name='编号')),
                ('at', models.DateTimeField(verbose_name='时间')),
                ('actor_kind', models.CharField(choices=[('person', '人员'), ('token', 'API 令牌'), ('system', '系统')], max_length=8, verbose_name='操作者类型')),
                ('actor_id', models.CharField(blank=True, default='', max_length=100, verbose_name='操作者编号')),
                ('actor_name', models.CharField(max_length=200, verbose_name='操作者')),
                ('via', models.CharField(blank=True, default='', max_length=60, verbose_name='途径')),
                ('action', models.CharField(max_length=20, verbose_name='动作')),
                ('changes', models.JSONField(default=dict, verbose_name='变化')),
                ('note', models.TextField(blank=True, default='', verbose_name='备注')),
            ],
            options={
                'verbose_name': '变更历史',
                'verbose_name_plural': '变更历史',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['entity', 'entity_id', '-id'], name='history_entity'), models.Index(fields=['at'], name='history_at')],
            },
        ),
        migrations.CreateModel(
            name='ImportJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('format', models.CharField(max_length=40, verbose_name='格式')),
                ('name', models.CharField(blank=True, default='', max_length=200, verbose_name='文件名')),
                ('file', models.CharField(blank=True, default='', editable=False, max_length=80)),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='大小（字节）')),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('options', models.JSONField(blank=True, default=dict, verbose_name='选项')),
                ('actor_kind', models.CharField(max_length=8)),
                ('actor_ident', models.CharField(blank=True, default='', max_length=100)),
                ('actor_name', models.CharField(max_length=200, verbose_name='提交者')),
                ('actor_via', models.CharField(blank=True, default='', max_length=60, verbose_name='途径')),
                ('state', models.CharField(choices=[('queued', '排队中'), ('running', '进行中'), ('done', '已完成'), ('failed', '失败')], default='queued', max_length=8, verbose_name='状态')),
                ('phase', models.CharField(blank=True, choices=[('reading', '读取文件'), ('writing', '写入'), ('matching', '比对漏洞')], default='', max_length=8, verbose_name='阶段')),
                ('done', models.PositiveBigIntegerField(default=0, verbose_name='已处理')),
                ('total', models.PositiveBigIntegerField(default=0, verbose_name='总数')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='执行次数')),
                ('owner', models.CharField(blank=True, default='', max_length=200, verbose_name='执行进程')),
                ('beat_at', models.DateTimeField(blank=True, null=True, verbose_name='心跳')),
                ('outcome', models.JSONField(blank=True, default=dict, verbose_name='结果')),
                ('error', models.TextField(blank=True, default='', verbose_name='错误')),
                ('created_at', models.DateTimeField(verbose_name='提交时间')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='开始时间')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='结束时间')),
            ],
            options={
                'verbose_name': '导入任务',
                'verbose_name_plural': '导入任务',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['state', 'id'], name='import_job_open'), models.Index(fields=['actor_kind', 'actor_ident', '-id'], name='import_job_actor'), models.Index(fields=['created_at'], name='import_job_created')],
            },
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True, verbose_name='文件摘要')),
                ('label', models.CharField(max_length=200, verbose_name='内容')),
                ('first_at', models.DateTimeField(verbose_name='首次导入')),
                ('last_at', models.DateTimeField(verbose_name='最近导入')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='完成时间')),
                ('outcome', models.JSONField(default=dict, verbose_name='结果')),
            ],
            options={
                'verbose_name': '导入记录',
                'verbose_name_plural': '导入记录',
                'ordering': ['-last_at', '-id'],
                'indexes': [models.Index(fields=['-last_at', '-id'], name='import_last_at')],
            },
        ),
        migrations.CreateModel(
            name='Escalation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveSmallIntegerField(default=0, verbose_name='下一步')),
                ('next_at', models.DateTimeField(blank=True, null=True, verbose_name='下一步时间')),
                ('ended', models.CharField(blank=True, default='', max_length=100, verbose_name='结束原因')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='escalations', to='secops_agent.alertmessage')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='escalations', to='secops_agent.notificationrule')),
            ],
            options={
                'verbose_name': '升级',
                'verbose_name_plural': '升级',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='NotificationTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='升级步骤')),
                ('kind', models.CharField(choices=[('group', '群'), ('person', '个人'), ('on_call', '值班人'), ('webhook', '自定义机器人')], max_length=8, verbose_name='种类')),
                ('conversation_id', models.CharField(blank=True, default='', max_length=200, verbose_name='群')),
                ('uid', models.CharField(default=secops_agent.models.alerting.notification._fresh_uid, editable=False, max_length=32, unique=True)),
                ('url', bifang.core.secrets.sealed.SealedField(blank=True, null=True, verbose_name='机器人地址')),
                ('secret', bifang.core.secrets.sealed.SealedField(blank=True, null=True, verbose_name='加签密钥')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(blank=True, null=True, verbose_name='最近错误时间')),
                ('config', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='钉钉配置')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='secops_agent.notificationrule')),
                ('schedule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='secops_agent.oncallschedule', verbose_name='值班表')),
            ],
            options={
                'verbose_name': '通知目标',
                'verbose_name_plural': '通知目标',
                'ordering': ['rule', 'step', 'id'],
            },
        ),
        migrations.AddField(
            model_name='alertmessage',
            name='target',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='secops_agent.notificationtarget'),
        ),
        migrations.CreateModel(
            name='OnCallLayer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='次序')),
                ('rotation', models.CharField(choices=[('daily', '每天'), ('weekly', '每周'), ('hours', '每若干小时')], default='weekly', max_length=8, verbose_name='轮换')),
                ('shift_hours', models.PositiveSmallIntegerField(default=12, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(744)], verbose_name='每班小时数')),
                ('handover', models.TimeField(default=datetime.time(9, 0), verbose_name='交接时间')),
                ('start', models.DateField(verbose_name='第一班日期')),
                ('days', models.CharField(choices=[('all', '每天'), ('working', '工作日'), ('rest', '休息日')], default='all', max_length=8, verbose_name='适用日期')),
                ('hours_from', models.TimeField(blank=True, null=True, verbose_name='每天从')),
                ('hours_until', models.TimeField(blank=True, null=True, verbose_name='每天到')),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='layers', to='secops_agent.oncallschedule', verbose_name='值班表')),
            ],
            options={
                'verbose_name': '轮班',
                'verbose_name_plural': '轮班',
                'ordering': ['schedule', 'position'],
            },
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=12, unique=True, verbose_name='代码')),
                ('conversation_id', models.CharField(max_length=200, verbose_name='会话')),
                ('is_group', models.BooleanField(default=False, verbose_name='群聊')),
                ('inbox_id', models.BigIntegerField(blank=True, null=True, verbose_name='来自消息')),
                ('target', models.JSONField(default=dict, verbose_name='回复地址')),
                ('tool', models.CharField(max_length=60, verbose_name='工具')),
                ('title', models.CharField(max_length=100, verbose_name='操作')),
                ('risk', models.CharField(choices=[('write', '需本人确认'), ('dangerous', '需他人审批')], max_length=10, verbose_name='风险')),
                ('arguments', models.JSONField(default=dict, verbose_name='参数')),
                ('summary', models.TextField(verbose_name='说明')),
                ('digest', models.CharField(max_length=64, verbose_name='摘要')),
                ('corp_id', models.CharField(blank=True, default='', max_length=100, verbose_name='企业 ID')),
                ('asker_id', models.CharField(max_length=100, verbose_name='提出人 ID')),
                ('asker_name', models.CharField(max_length=100, verbose_name='提出人')),
                ('state', models.CharField(choices=[('proposed', '待决定'), ('confirmed', '已确认'), ('approved', '已批准'), ('rejected', '已拒绝'), ('cancelled', '已撤回'), ('expired', '已过期')], default='proposed', max_length=10, verbose_name='状态')),
                ('created_at', models.DateTimeField(verbose_name='提出时间')),
                ('expires_at', models.DateTimeField(verbose_name='过期时间')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='决定时间')),
                ('decider_id', models.CharField(blank=True, default='', max_length=220, verbose_name='决定人 ID')),
                ('decider_name', models.CharField(blank=True, default='', max_length=100, verbose_name='决定人')),
                ('decided_through', models.CharField(blank=True, default='', max_length=260)),
                ('reason', models.CharField(blank=True, default='', max_length=500, verbose_name='理由')),
                ('result', models.TextField(blank=True, default='', verbose_name='结果')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='配置')),
            ],
            options={
                'verbose_name': '操作审批',
                'verbose_name_plural': '操作审批',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Action',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(blank=True, default='', max_length=80, verbose_name='处理进程')),
                ('token', models.CharField(blank=True, default='', max_length=64)),
                ('claimed_until', models.DateTimeField(blank=True, null=True, verbose_name='领取到期')),
                ('key', models.CharField(max_length=40, unique=True, verbose_name='幂等键')),
                ('tool', models.CharField(max_length=60, verbose_name='工具')),
                ('title', models.CharField(max_length=100, verbose_name='操作')),
                ('arguments', models.JSONField(default=dict, verbose_name='参数')),
                ('summary', models.TextField(verbose_name='说明')),
                ('asker', models.CharField(max_length=100, verbose_name='提出人')),
                ('approver', models.CharField(max_length=100, verbose_name='批准人')),
                ('connector', models.CharField(blank=True, default='', max_length=100, verbose_name='连接器')),
                ('state', models.CharField(choices=[('pending', '等待执行'), ('claimed', '准备执行'), ('calling', '执行中'), ('done', '已执行'), ('dry', '演练（未做改动）'), ('failed', '未执行'), ('unknown', '结果未知')], default='pending', max_length=8, verbose_name='状态')),
                ('created_at', models.DateTimeField(verbose_name='批准时间')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='开始时间')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='结束时间')),
                ('result', models.TextField(blank=True, default='', verbose_name='结果')),
                ('response', models.JSONField(blank=True, default=dict, verbose_name='对方应答')),
                ('undo_url', bifang.core.secrets.sealed.SealedField(blank=True, null=True, verbose_name='撤销地址')),
                ('settled_by', models.CharField(blank=True, default='', max_length=100, verbose_name='核实人')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='配置')),
                ('connector_config', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='连接器配置')),
                ('undo_of', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='secops_agent.action', verbose_name='撤销')),
                ('proposal', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='action', to='secops_agent.proposal', verbose_name='审批')),
            ],
            options={
                'verbose_name': '处置动作',
                'verbose_name_plural': '处置动作',
                'ordering': ['-id'],
                'permissions': [('settle_action', '可以核实未知的结果')],
            },
        ),
        migrations.CreateModel(
            name='RememberedAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', models.CharField(max_length=110)),
                ('key', models.CharField(max_length=200)),
                ('body', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('answer', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': '幂等记录',
                'verbose_name_plural': '幂等记录',
                'indexes': [models.Index(fields=['created_at'], name='remembered_answer_at')],
                'constraints': [models.UniqueConstraint(fields=('caller', 'key'), name='remembered_answer_once')],
            },
        ),
        migrations.CreateModel(
            name='RunbookTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('term', models.CharField(max_length=60)),
                ('weight', models.FloatField()),
                ('runbook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terms', to='secops_agent.runbook')),
            ],
            options={
                'verbose_name': '手册检索词',
                'verbose_name_plural': '手册检索词',
            },
        ),
        migrations.CreateModel(
            name='Silence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('alert', '一条告警'), ('asset', '资产'), ('tag', '资产标签'), ('source', '来源'), ('rule', '规则'), ('all', '全部')], max_length=8, verbose_name='范围')),
                ('value', models.CharField(blank=True, default='', max_length=300, verbose_name='对象')),
                ('starts_at', models.DateTimeField(verbose_name='开始')),
                ('ends_at', models.DateTimeField(verbose_name='结束')),
                ('reason', models.CharField(blank=True, default='', max_length=300, verbose_name='原因')),
                ('made_by', models.CharField(max_length=200, verbose_name='设置人')),
                ('held', models.PositiveIntegerField(default=0, verbose_name='留存消息')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
            ],
            options={
                'verbose_name': '静默',
                'verbose_name_plural': '静默',
                'ordering': ['-ends_at'],
                'indexes': [models.Index(fields=['ends_at'], name='silence_end')],
            },
        ),
        migrations.CreateModel(
            name='Staff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('corp_id', models.CharField(blank=True, default='', max_length=100, verbose_name='企业 ID')),
                ('staff_id', models.CharField(max_length=100, verbose_name='员工 ID')),
                ('name', models.CharField(max_length=100, verbose_name='姓名')),
                ('role', models.CharField(choices=[('none', '无权限'), ('viewer', '查看'), ('analyst', '分析'), ('responder', '处置'), ('approver', '审批'), ('admin', '管理')], default='viewer', max_length=10, verbose_name='角色')),
                ('active', models.BooleanField(default=True, verbose_name='在职')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='修改时间')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='staff_rows', to=settings.AUTH_USER_MODEL, verbose_name='登录用户')),
            ],
            options={
                'verbose_name': '人员',
                'verbose_name_plural': '人员',
                'ordering': ['corp_id', 'staff_id'],
            },
        ),
        migrations.AddField(
            model_name='proposal',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='secops_agent.staff', verbose_name='提出人'),
        ),
        migrations.CreateModel(
            name='OnCallOverride',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField(verbose_name='开始')),
                ('ends_at', models.DateTimeField(verbose_name='结束')),
                ('reason', models.CharField(blank=True, default='', max_length=200, verbose_name='原因')),
                ('uid', models.CharField(blank=True, default='', editable=False, max_length=200, verbose_name='日历事件 ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='overrides', to='secops_agent.oncallschedule', verbose_name='值班表')),
                ('staff', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='secops_agent.staff', verbose_name='由谁值班')),
            ],
            options={
                'verbose_name': '临时换人',
                'verbose_name_plural': '临时换人',
                'ordering': ['-starts_at'],
            },
        ),
        migrations.CreateModel(
            name='OnCallMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='次序')),
                ('layer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='secops_agent.oncalllayer')),
                ('staff', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='on_call_places', to='secops_agent.staff', verbose_name='人员')),
            ],
            options={
                'verbose_name': '轮班人员',
                'verbose_name_plural': '轮班人员',
                'ordering': ['layer', 'position'],
            },
        ),
        migrations.AddField(
            model_name='notificationtarget',
            name='staff',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='secops_agent.staff', verbose_name='人员'),
        ),
        migrations.AddField(
            model_name='asset',
            name='owner',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assets', to='secops_agent.staff', verbose_name='负责人'),
        ),
        migrations.AddField(
            model_name='alert',
            name='assignee',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='alerts', to='secops_agent.staff', verbose_name='处理人'),
        ),
        migrations.CreateModel(
            name='TurnUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='时间')),
                ('day', models.DateField(verbose_name='日期')),
                ('config_id', models.BigIntegerField(null=True, verbose_name='钉钉配置')),
                ('ai_config_id', models.BigIntegerField(null=True, verbose_name='AI 配置')),
                ('inbox_id', models.BigIntegerField(null=True, verbose_name='消息编号')),
                ('person', models.CharField(blank=True, default='', max_length=220, verbose_name='提问人')),
                ('model', models.CharField(max_length=100, verbose_name='模型')),
                ('input_tokens', models.PositiveIntegerField(default=0, verbose_name='输入 token')),
                ('output_tokens', models.PositiveIntegerField(default=0, verbose_name='输出 token')),
                ('cached_tokens', models.PositiveIntegerField(default=0, verbose_name='其中缓存')),
                ('cost', models.BigIntegerField(null=True, verbose_name='费用（百万分之一元）')),
            ],
            options={
                'verbose_name': '模型用量',
                'verbose_name_plural': '模型用量',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['day', 'ai_config_id'], name='usage_day'), models.Index(fields=['at'], name='usage_at')],
            },
        ),
        migrations.CreateModel(
            name='Vulnerability',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vuln_id', models.CharField(max_length=100, unique=True, verbose_name='编号')),
                ('title', models.CharField(blank=True, default='', max_length=500, verbose_name='标题')),
                ('description', models.TextField(blank=True, default='', verbose_name='说明')),
                ('severity', models.CharField(choices=[('critical', '严重'), ('high', '高危'), ('medium', '中危'), ('low', '低危'), ('info', '信息')], default='info', max_length=10, verbose_name='级别')),
                ('cvss', models.JSONField(blank=True, default=list, verbose_name='CVSS')),
                ('score', models.FloatField(blank=True, null=True, verbose_name='CVSS 分数')),
                ('cwes', models.JSONField(blank=True, default=list, verbose_name='CWE')),
                ('epss', models.FloatField(blank=True, null=True, verbose_name='EPSS')),
                ('epss_percentile', models.FloatField(blank=True, null=True, verbose_name='EPSS 百分位')),
                ('epss_date', models.DateTimeField(blank=True, null=True, verbose_name='EPSS 日期')),
                ('kev', models.BooleanField(default=False, verbose_name='已被利用（KEV）')),
                ('kev_added', models.DateTimeField(blank=True, null=True, verbose_name='KEV 收录时间')),
                ('kev_due', models.DateTimeField(blank=True, null=True, verbose_name='KEV 修复期限')),
                ('kev_action', models.TextField(blank=True, default='', verbose_name='KEV 要求的措施')),
                ('ransomware', models.BooleanField(default=False, verbose_name='用于勒索')),
                ('fixed_versions', models.JSONField(blank=True, default=list, verbose_name='修复版本')),
                ('references', models.JSONField(blank=True, default=list, verbose_name='参考链接')),
                ('published', models.DateTimeField(blank=True, null=True, verbose_name='发布时间')),
                ('modified', models.DateTimeField(blank=True, null=True, verbose_name='修改时间')),
                ('withdrawn', models.DateTimeField(blank=True, null=True, verbose_name='撤回时间')),
                ('sources', models.JSONField(blank=True, default=list, verbose_name='来源')),
                ('priority', models.PositiveIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField(verbose_name='入库时间')),
                ('updated_at', models.DateTimeField(verbose_name='更新时间')),
            ],
            options={
                'verbose_name': '漏洞',
                'verbose_name_plural': '漏洞',
                'ordering': ['-priority', '-id'],
                'indexes': [models.Index(fields=['-priority', '-id'], name='vuln_priority'), models.Index(fields=['severity', '-priority', '-id'], name='vuln_severity_priority'), models.Index(fields=['kev', '-priority', '-id'], name='vuln_kev_priority')],
            },
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(editable=False, max_length=32, unique=True)),
                ('kind', models.CharField(choices=[('vulnerability', '漏洞'), ('misconfiguration', '错误配置'), ('secret', '泄露的密钥'), ('code', '代码问题')], max_length=16, verbose_name='种类')),
                ('source', models.CharField(max_length=60, verbose_name='来源')),
                ('rule_id', models.CharField(blank=True, default='', max_length=200, verbose_name='规则')),
                ('title', models.CharField(max_length=500, verbose_name='标题')),
                ('description', models.TextField(blank=True, default='', verbose_name='说明')),
                ('severity', models.CharField(choices=[('critical', '严重'), ('high', '高危'), ('medium', '中危'), ('low', '低危'), ('info', '信息')], max_length=10, verbose_name='级别')),
                ('location', models.CharField(blank=True, default='', max_length=1000, verbose_name='位置')),
                ('fixed_version', models.CharField(blank=True, default='', max_length=500, verbose_name='修复版本')),
                ('evidence', models.TextField(blank=True, default='', verbose_name='证据')),
                ('remediation', models.TextField(blank=True, default='', verbose_name='修复建议')),
                ('references', models.JSONField(blank=True, default=list, verbose_name='参考链接')),
                ('suppressed', models.BooleanField(default=False, verbose_name='工具中已忽略')),
                ('state', models.CharField(choices=[('new', '新发现'), ('present', '仍存在'), ('gone', '已消失'), ('back', '再次出现')], default='new', max_length=8, verbose_name='状态')),
                ('active', models.BooleanField(default=True, editable=False, verbose_name='仍需处理')),
                ('decision', models.CharField(blank=True, choices=[('in_progress', '修复中'), ('accepted', '接受风险'), ('false_positive', '误报')], default='', max_length=16, verbose_name='处理决定')),
                ('priority', models.PositiveIntegerField(default=0, editable=False)),
                ('first_seen', models.DateTimeField(verbose_name='首次发现')),
                ('last_seen', models.DateTimeField(verbose_name='最近发现')),
                ('gone_at', models.DateTimeField(blank=True, null=True, verbose_name='消失时间')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='修复时限')),
                ('asset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='secops_agent.asset', verbose_name='资产')),
                ('component', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='findings', to='secops_agent.component', verbose_name='组件')),
                ('vulnerability', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='secops_agent.vulnerability', verbose_name='漏洞')),
            ],
            options={
                'verbose_name': '发现',
                'verbose_name_plural': '发现',
                'ordering': ['-priority', '-id'],
            },
        ),
        migrations.CreateModel(
            name='AffectedRange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scheme', models.CharField(blank=True, default='', max_length=30)),
                ('name', models.CharField(blank=True, default='', max_length=300)),
                ('ecosystem', models.CharField(blank=True, default='', max_length=100, verbose_name='生态')),
                ('package', models.CharField(blank=True, default='', max_length=300, verbose_name='软件包')),
                ('purl', models.CharField(blank=True, default='', max_length=1000, verbose_name='purl')),
                ('introduced', models.CharField(blank=True, default='', max_length=200, verbose_name='起始版本')),
                ('fixed', models.CharField(blank=True, default='', max_length=200, verbose_name='修复版本')),
                ('last_affected', models.CharField(blank=True, default='', max_length=200, verbose_name='最后受影响版本')),
                ('raw', models.TextField(blank=True, default='', verbose_name='原文')),
                ('range_type', models.CharField(blank=True, default='', max_length=20)),
                ('versions', models.JSONField(blank=True, default=list, verbose_name='逐个列出的版本')),
                ('vulnerability', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ranges', to='secops_agent.vulnerability')),
            ],
            options={
                'verbose_name': '受影响范围',
                'verbose_name_plural': '受影响范围',
            },
        ),
        migrations.CreateModel(
            name='VulnerabilityAlias',
            fields=[
                ('alias', models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name='别名')),
                ('vulnerability', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='names', to='secops_agent.vulnerability')),
            ],
            options={
                'verbose_name': '漏洞别名',
                'verbose_name_plural': '漏洞别名',
            },
        ),
        migrations.CreateModel(
            name='AlertEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.CharField(max_length=32)),
                ('at', models.DateTimeField()),
                ('alert', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='secops_agent.alert')),
            ],
            options={
                'verbose_name': '告警事件',
                'verbose_name_plural': '告警事件',
                'indexes': [models.Index(fields=['at'], name='alert_event_at')],
                'constraints': [models.UniqueConstraint(fields=('alert', 'mark'), name='alert_event_once')],
            },
        ),
        migrations.CreateModel(
            name='AlertIndicator',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('ip', 'IP'), ('domain', '域名'), ('url', 'URL'), ('hash', '哈希'), ('account', '账号'), ('email', '邮箱'), ('file', '文件'), ('process', '进程')], max_length=10, verbose_name='种类')),
                ('value', models.CharField(max_length=500, verbose_name='值')),
                ('alert', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='indicators', to='secops_agent.alert')),
            ],
            options={
                'verbose_name': '告警指标',
                'verbose_name_plural': '告警指标',
                'indexes': [models.Index(fields=['value'], name='alert_indicator_value')],
                'constraints': [models.UniqueConstraint(fields=('alert', 'kind', 'value'), name='alert_indicator_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='alertmessageitem',
            constraint=models.UniqueConstraint(fields=('message', 'alert'), name='alert_message_item_once'),
        ),
        migrations.AddConstraint(
            model_name='alertasset',
            constraint=models.UniqueConstraint(fields=('alert', 'asset'), name='alert_asset_once'),
        ),
        migrations.AddIndex(
            model_name='assetkey',
            index=models.Index(fields=['value', 'kind'], name='asset_key_value'),
        ),
        migrations.AddConstraint(
            model_name='assetkey',
            constraint=models.UniqueConstraint(fields=('asset', 'kind', 'value'), name='asset_key_once'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(condition=models.Q(('segment', None)), fields=['id'], name='audit_unsealed'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['inbox_id', 'id'], name='audit_inbox'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['at'], name='audit_at'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(condition=models.Q(('subject', ''), _negated=True), fields=['subject', 'id'], name='audit_subject'),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.UniqueConstraint(fields=('segment', 'position'), name='audit_position_once'),
        ),
        migrations.AddIndex(
            model_name='component',
            index=models.Index(fields=['asset', 'name', 'id'], name='component_asset_name'),
        ),
        migrations.AddIndex(
            model_name='component',
            index=models.Index(fields=['ecosystem', 'package'], name='component_package'),
        ),
        migrations.AddIndex(
            model_name='component',
            index=models.Index(condition=models.Q(('source_package', ''), _negated=True), fields=['ecosystem', 'source_package'], name='component_source_package'),
        ),
        migrations.AddIndex(
            model_name='component',
            index=models.Index(fields=['name', 'id'], name='component_name'),
        ),
        migrations.AddIndex(
            model_name='escalation',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='escalation_next'),
        ),
        migrations.AddConstraint(
            model_name='escalation',
            constraint=models.UniqueConstraint(fields=('rule', 'message'), name='escalation_once'),
        ),
        migrations.AddIndex(
            model_name='alertmessage',
            index=models.Index(condition=models.Q(('wanted__gt', models.F('shown'))), fields=['due_at'], name='alert_message_due'),
        ),
        migrations.AddIndex(
            model_name='alertmessage',
            index=models.Index(fields=['destination', 'group_key', '-opened_at'], name='alert_message_group'),
        ),
        migrations.AddIndex(
            model_name='alertmessage',
            index=models.Index(fields=['destination', 'opened_at'], name='alert_message_place'),
        ),
        migrations.AddConstraint(
            model_name='oncalllayer',
            constraint=models.UniqueConstraint(fields=('schedule', 'position'), name='on_call_layer_once'),
        ),
        migrations.AddConstraint(
            model_name='oncalllayer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('hours_from', None), ('hours_until', None)), models.Q(('hours_from__isnull', False), ('hours_until__isnull', False), models.Q(('hours_from', models.F('hours_until')), _negated=True)), _connector='OR'), name='on_call_layer_hours'),
        ),
        migrations.AddIndex(
            model_name='action',
            index=models.Index(condition=models.Q(('state__in', ['pending', 'claimed', 'calling'])), fields=['state', 'id'], name='action_open'),
        ),
        migrations.AddIndex(
            model_name='action',
            index=models.Index(fields=['created_at'], name='action_created'),
        ),
        migrations.AddConstraint(
            model_name='runbookterm',
            constraint=models.UniqueConstraint(fields=('term', 'runbook'), name='runbook_term_once'),
        ),
        migrations.AddConstraint(
            model_name='staff',
            constraint=models.UniqueConstraint(fields=('corp_id', 'staff_id'), name='staff_once'),
        ),
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(condition=models.Q(('state', 'proposed')), fields=['expires_at'], name='proposal_open'),
        ),
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(fields=['asker_id', '-id'], name='proposal_asker'),
        ),
        migrations.AddIndex(
            model_name='oncalloverride',
            index=models.Index(fields=['schedule', 'ends_at'], name='on_call_override_end'),
        ),
        migrations.AddConstraint(
            model_name='oncalloverride',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='on_call_override_span'),
        ),
        migrations.AddConstraint(
            model_name='oncallmember',
            constraint=models.UniqueConstraint(fields=('layer', 'position'), name='on_call_member_once'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['name', 'id'], name='asset_name'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['asset_type', 'name', 'id'], name='asset_type_name'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['owner', 'name', 'id'], name='asset_owner_name'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['environment', 'name', 'id'], name='asset_environment_name'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['importance', 'name', 'id'], name='asset_importance_name'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['-last_seen', '-id'], name='alert_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['status', '-last_seen', '-id'], name='alert_status_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['severity', '-last_seen', '-id'], name='alert_severity_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['status', 'severity', '-last_seen', '-id'], name='alert_backlog'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['source', '-last_seen', '-id'], name='alert_source_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('assignee__isnull', False)), fields=['assignee', '-last_seen', '-id'], name='alert_assigned_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('verdict', ''), _negated=True), fields=['verdict', '-last_seen', '-id'], name='alert_judged_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['first_seen', 'severity', 'source'], name='alert_first_seen'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('status', 'closed'), _negated=True), fields=['due_at'], name='alert_due'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('acknowledged_at__isnull', False)), fields=['acknowledged_at'], name='alert_acknowledged_at'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('closed_at__isnull', False)), fields=['closed_at'], name='alert_closed_at'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['-priority', '-id'], name='finding_priority'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['active', '-priority', '-id'], name='finding_active'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['active', 'severity', '-priority', '-id'], name='finding_severity'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['kind', 'active', '-priority', '-id'], name='finding_kind'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['asset', 'active', '-priority', '-id'], name='finding_asset'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['vulnerability', 'active', 'asset'], name='finding_vulnerability'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['source', 'asset', 'kind'], name='finding_scan'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['first_seen'], name='finding_first_seen'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(condition=models.Q(('active', True)), fields=['due_at'], name='finding_due'),
        ),
        migrations.AddIndex(
            model_name='affectedrange',
            index=models.Index(fields=['scheme', 'name'], name='range_package'),
        ),
        migrations.RunPython(add_prices, migrations.RunPython.noop),
        migrations.RunPython(create_words, drop_words),
    ]
