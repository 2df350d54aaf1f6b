import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('channels', '0001_first_release'),
        ('core', '0001_first_release'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='日期')),
                ('client_id', models.CharField(max_length=200, verbose_name='Client ID')),
                ('family', models.CharField(choices=[('robot', '机器人接口'), ('card', '卡片接口'), ('webhook', '会话回复'), ('base', '令牌与文件'), ('stream', '收到的消息')], max_length=8, verbose_name='种类')),
                ('purpose', models.CharField(choices=[('answer', '回答'), ('alert', '告警'), ('report', '报告'), ('probe', '检查')], default='answer', max_length=8, verbose_name='用途')),
                ('calls', models.PositiveBigIntegerField(default=0, verbose_name='次数')),
            ],
            options={
                'verbose_name': '接口用量',
                'verbose_name_plural': '接口用量',
                'ordering': ['-day', 'client_id', 'family', 'purpose'],
                'constraints': [models.UniqueConstraint(fields=('day', 'client_id', 'family', 'purpose'), name='api_usage_once')],
            },
        ),
        migrations.CreateModel(
            name='QuotaState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('corp_id', models.CharField(blank=True, default='', max_length=200, verbose_name='企业')),
                ('ledger', models.CharField(choices=[('calls', '接口调用'), ('messages', 'Webhook 与 Stream 消息')], max_length=8, verbose_name='额度')),
                ('since', models.DateField(verbose_name='起始日')),
                ('told', models.PositiveSmallIntegerField(default=0, verbose_name='已提醒 %')),
                ('refused_at', models.DateTimeField(blank=True, null=True, verbose_name='钉钉拒绝时间')),
            ],
            options={
                'verbose_name': '钉钉额度',
                'verbose_name_plural': '钉钉额度',
                'ordering': ['-since', 'corp_id', 'ledger'],
                'constraints': [models.UniqueConstraint(fields=('corp_id', 'ledger', 'since'), name='quota_state_once')],
            },
        ),
        migrations.CreateModel(
            name='Card',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('out_track_id', models.CharField(max_length=64, unique=True, verbose_name='卡片 ID')),
                ('conversation_id', models.CharField(blank=True, default='', max_length=200, verbose_name='会话')),
                ('is_group', models.BooleanField(default=False, verbose_name='群聊')),
                ('staff_id', models.CharField(blank=True, default='', max_length=100, verbose_name='员工 ID')),
                ('state', models.CharField(choices=[('open', '进行中'), ('finished', '已完成'), ('given_up', '已改用文字'), ('failed', '已中断')], default='open', max_length=10, verbose_name='状态')),
                ('shown', models.BooleanField(default=False, verbose_name='已投放')),
                ('part_key', models.CharField(blank=True, default='', max_length=120, verbose_name='回复标识')),
                ('digest', models.CharField(blank=True, default='', max_length=64, verbose_name='内容摘要')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('created_at', models.DateTimeField(verbose_name='创建时间')),
                ('updated_at', models.DateTimeField(verbose_name='更新时间')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='core.systemconfig', verbose_name='配置')),
                ('inbox', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='channels.inboxrow', verbose_name='来自')),
            ],
            options={
                'verbose_name': 'AI 卡片',
                'verbose_name_plural': 'AI 卡片',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state__in', ['open', 'given_up'])), fields=['updated_at'], name='card_unfinished')],
            },
        ),
        migrations.CreateModel(
            name='ClientState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(max_length=80, verbose_name='工作进程')),
                ('status', models.CharField(choices=[('connecting', '连接中'), ('connected', '已连接'), ('retrying', '重试中'), ('parked', '凭证错误'), ('stopped', '已停止')], max_length=12, verbose_name='状态')),
                ('since', models.DateTimeField(verbose_name='自')),
                ('last_frame_at', models.DateTimeField(null=True, verbose_name='最近一帧')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(null=True, verbose_name='最近错误时间')),
                ('messages_received', models.PositiveBigIntegerField(default=0, verbose_name='收到消息')),
                ('connections', models.PositiveSmallIntegerField(default=0, verbose_name='连接数')),
                ('updated_at', models.DateTimeField(verbose_name='更新时间')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='client_states', to='core.systemconfig', verbose_name='配置')),
            ],
            options={
                'verbose_name': '连接状态',
                'verbose_name_plural': '连接状态',
                'indexes': [models.Index(fields=['owner'], name='client_state_owner')],
                'constraints': [models.UniqueConstraint(fields=('config', 'owner'), name='client_state_once')],
            },
        ),
    ]
